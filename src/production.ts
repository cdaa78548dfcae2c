// To be imported first: graphql looks for it when it is loaded, and would check each object of each answer for another copy of
// itself.
process.env.NODE_ENV ??= 'production';
