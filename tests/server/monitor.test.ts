import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EndSessionDocument, StartSessionDocument } from '../../src/client/operation.js';
import { importTranscripts } from '../../src/import/import.js';
import { findTranscripts } from '../../src/import/transcript.js';
import { makeFolder, startTarget, type Target } from '../support/imported.js';
import { writeLoad } from '../support/load.js';
import {
  endsByStream,
  endsOf,
  logBySocket,
  logByStream,
  writtenLog,
  type End,
  type Entry,
  type Monitor,
} from '../support/monitor.js';
import { openRelay, type Relay } from '../support/relay.js';
import { hasRealTranscripts, REAL_FOLDER } from '../support/transcript.js';

interface Kind {
  what: string;
  follow: (url: string) => Monitor<Entry | End>;
  /** What of all that is written the monitor is to receive. */
  due: (log: Entry[]) => (Entry | End)[];
  /** More than a greeting and a message, so that no connection is without progress; less than there is to tell. */
  cutAfterBytes: number[];
}

const whole = { due: (log: Entry[]) => log, cutAfterBytes: [20_000, 300_000, 800_000] };
const kinds: Kind[] = [
  { what: 'the log over a WebSocket', follow: logBySocket, ...whole },
  { what: 'the log over an event stream', follow: logByStream, ...whole },
  {
    what: 'the ends of sessions over an event stream',
    follow: endsByStream,
    due: endsOf,
    cutAfterBytes: [1_200, 1_200, 1_200],
  },
];

/** The monitors of one kind that are there before the import, and the ways of two of them. */
interface Scene {
  early: Monitor<Entry | End>;
  cut: Monitor<Entry | End>;
  slow: Monitor<Entry | End>;
  cutLine: Relay;
  slowLine: Relay;
}

let target: Target;
let scenes: Map<Kind, Scene>;
/** Where the last entry stands that was written before the import. */
let before: number;
let log: Entry[];
const opened: AsyncDisposable[] = [];
function keep<Part extends AsyncDisposable>(part: Part): Part {
  opened.unshift(part);
  return part;
}

async function setScene({ follow, cutAfterBytes }: Kind): Promise<Scene> {
  const cutLine = keep(await openRelay(target.url, { cutAfterBytes }));
  const slowLine = keep(await openRelay(target.url));
  const [early, cut, slow] = [target, cutLine, slowLine].map(({ url }) => keep(follow(url)));
  return { early: early!, cut: cut!, slow: slow!, cutLine, slowLine };
}

/** A session that ends at once; answers with the position of its end. */
async function writeSession(): Promise<number> {
  const { startSession } = await target.client.request(StartSessionDocument, { input: {} });
  const input = { sessionId: startSession.session.id, reason: 'FINISHED' as const };
  await target.client.request(EndSessionDocument, { input });
  return target.position();
}

const lastOf = ({ received }: Monitor<Entry | End>): number | undefined => received.at(-1)?.position;

beforeAll(async () => {
  target = keep(await startTarget());
  scenes = new Map(await Promise.all(kinds.map(async (kind) => [kind, await setScene(kind)] as const)));
  before = await writeSession();
  const present = [...scenes.values()].flatMap(({ early, cut, slow }) => [early, cut, slow]);
  await vi.waitFor(() => expect(present.map(lastOf)).toEqual(present.map(() => before)), 30_000);
  for (const { slowLine } of scenes.values()) slowLine.stall();

  const folder = keep(await makeFolder());
  if (!hasRealTranscripts) await writeLoad(folder);
  const transcripts = await findTranscripts(hasRealTranscripts ? REAL_FOLDER : folder.path);
  await importTranscripts(target.client, transcripts, { repeatForMs: 0 });
  // Whoever has received this in its order has nothing of the import to come.
  await writeSession();
  log = await writtenLog(target.databaseUrl);
});
afterAll(async () => {
  for (const part of opened) await part[Symbol.asyncDispose]();
});

describe.each(kinds)('during an import, a monitor of $what', (kind) => {
  const scene = (): Scene => scenes.get(kind)!;
  async function receivesAll(monitor: Monitor<Entry | End>): Promise<void> {
    await expect.poll(() => lastOf(monitor)).toBe(log.at(-1)!.position);
    expect(monitor.received).toEqual(kind.due(log));
  }

  it('receives all that is written, in order and each once', () => receivesAll(scene().early));

  it('misses and repeats nothing where it is cut off again and again', async () => {
    const { cut, cutLine } = scene();
    await receivesAll(cut);
    expect(cutLine.opened()).toBeGreaterThan(kind.cutAfterBytes.length);
  });

  it('receives all of it where it did not read for the whole import', async () => {
    const { slow, slowLine } = scene();
    expect(lastOf(slow)).toBe(before);
    slowLine.flow();
    await receivesAll(slow);
  });

  it('receives the same where it comes afterwards', async () => {
    await using late = kind.follow(target.url);
    await receivesAll(late);
  });
});
