// `npm start`: whatever is missing is made, then the server runs in this very process, so that signals reach it.
import { prepare } from './prepare.mjs';
import { ifProgram } from './project.mjs';

await ifProgram(import.meta.url, async () => {
  await prepare();
  process.setSourceMapsEnabled(true);
  await import('../dist/main.js');
});
