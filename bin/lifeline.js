#!/usr/bin/env node
import { existsSync } from 'node:fs';

const program = new URL('../dist/cli.js', import.meta.url);

process.setSourceMapsEnabled(true);
// A clone that nothing has been built in yet.
if (!existsSync(program)) await (await import('../scripts/prepare.mjs')).prepare();
await import(program.href);
