import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'src/client/*.graphql',
  generates: {
    'src/generated/client/': {
      preset: 'client',
      // A result is the plain value that was selected: nobody has to unmask a fragment.
      presetConfig: { fragmentMasking: false, skipIndexFile: true },
      config: {
        enumType: 'string-literal',
        useTypeImports: true,
        strictScalars: true,
        // As they stand in JSON.
        scalars: { ID: 'string', DateTime: 'string', SafeInt: 'number', JSON: 'unknown' },
      },
    },
  },
  importExtension: '.js',
};

export default config;
