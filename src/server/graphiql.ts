// What a browser gets: GraphiQL with everything in the page itself. It works without the internet, and tells nobody who
// looks at what.
import type { GraphiQLOptions } from 'graphql-yoga';

/** Browsers hold every page to it: nothing is loaded from elsewhere, and nothing but this server is called. */
export const CONTENT_POLICY = [
  "default-src 'none'",
  "connect-src 'self'",
  // The page is one file: its scripts, styles and fonts are in it, and its workers are made from it.
  "script-src 'unsafe-inline' blob:",
  'worker-src blob:',
  "style-src 'unsafe-inline'",
  'font-src data:',
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const OPTIONS: GraphiQLOptions = {
  title: 'Lifeline',
  defaultQuery: `# Who runs, why it began and ended, what it did last
query Sessions {
  sessions(first: 10) {
    nodes {
      agentName
      state
      startReason
      endReason
      chain { id startReason endReason }
      events(last: 3) { nodes { position type data } }
    }
  }
}
`,
};

/** The page. Its 9 MB are read when somebody first wants them. */
export async function graphiqlPage({ needsKey }: { needsKey: boolean }): Promise<string> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  // The headers that somebody sets on the page, a key among them, go with requests but not with WebSockets.
  return renderGraphiQL({ ...OPTIONS, subscriptionsProtocol: needsKey ? 'SSE' : 'WS' });
}
