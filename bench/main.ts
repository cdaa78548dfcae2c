// `npm run bench`, and the processes that it starts, each of which loads no more than it needs.
import { parseArgs } from 'node:util';
import { giveUp } from '../src/giveUp.js';

const [, , kind, ...rest] = process.argv;
switch (kind) {
  case 'caller':
    (await import('./caller.js')).runCaller();
    break;
  case 'floor':
    await (await import('./floor.js')).runFloor(rest);
    break;
  case 'peer':
    await (await import('./peer/peer.js')).runPeer(rest[0]);
    break;
  default: {
    const {
      quick,
      case: wanted,
      workers,
    } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        case: { type: 'string', default: '' },
        workers: { type: 'string', default: '1' },
      },
    }).values;
    const { bench } = await import('./bench.js');
    await bench({ quick, wanted, workers: Number(workers) }).then(() => process.exit(0), giveUp);
  }
}
