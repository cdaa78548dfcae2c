// The server alone, configured by its environment: what a container runs. `lifeline serve` is the same, with flags.
import './production.js';
import { giveUp } from './giveUp.js';
import { runServer } from './process.js';

await runServer().catch(giveUp);
