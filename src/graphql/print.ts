// `npm run schema`: writes the schema to schema.graphql, where reviews and clients read it.
import { writeFile } from 'node:fs/promises';
import { printSchema } from 'graphql';
import { buildSchema } from './schema.js';

await writeFile('schema.graphql', `${printSchema(buildSchema())}\n`);
