// What an agent keeps of its work, 64 KiB of it: the store, beside the checkpointer of LangGraph, which the bench installs
// for itself.
import pg from 'pg';
import { newId } from '../src/domain/id.js';
import { createCheckpoint, readCheckpoint } from '../src/store/checkpoint.js';
import { saveState } from '../src/store/savedState.js';
import { addAgents } from './agent.js';
import type { Case, Side } from './case.js';
import { importGuest, installGuest } from './guest.js';
import type { Place } from './place.js';
import { AT_ONCE, callerIn, openBoth, part, throughput } from './store.js';

const PACKAGES = {
  '@langchain/core': '1.2.13',
  '@langchain/langgraph-checkpoint': '1.1.5',
  '@langchain/langgraph-checkpoint-postgres': '1.0.5',
};
const BYTES = 64 * 1024;

/** Messages as agents exchange them, no two alike. */
function work(): object {
  const messages: object[] = [];
  for (let index = 0, bytes = 0; bytes < BYTES; index++) {
    const words = Array.from({ length: 60 }, (_, word) => ((index * 7919 + word * 104_729) % 99_991).toString(36));
    const message = { id: index, role: index % 2 ? 'assistant' : 'user', content: words.join(' ') };
    messages.push(message);
    bytes += JSON.stringify(message).length + 1;
  }
  return { messages };
}
const WORK = work();

/** Of the checkpointer, as much as is used here. */
interface Saver {
  setup(): Promise<void>;
  put(config: object, checkpoint: object, metadata: object, newVersions: object): Promise<unknown>;
  getTuple(config: object): Promise<{ checkpoint: { channel_values: { work?: unknown } } } | undefined>;
}
interface Guest {
  readonly PostgresSaver: new (pool: pg.Pool, serializer: undefined, options: { schema: string }) => Saver;
}

/** Puts the work as the next checkpoint of a thread of the worker's own, as a graph does at each step, or gets the newest. */
async function langGraph({
  databaseUrl,
  seconds,
}: Place): Promise<{ put: Side; get: Side; close: () => Promise<void> }> {
  const folder = await installGuest('langgraph', PACKAGES);
  const { PostgresSaver } = await importGuest<Guest>(folder, '@langchain/langgraph-checkpoint-postgres');
  const pool = new pg.Pool({ connectionString: databaseUrl, max: AT_ONCE });
  // Its tables are called as some of ours.
  const saver = new PostgresSaver(pool, undefined, { schema: 'langgraph' });
  await saver.setup();
  const last = Array.from({ length: AT_ONCE }, () => ({
    thread: newId(),
    id: undefined as string | undefined,
    step: 0,
  }));
  const put = throughput(seconds, async (worker) => {
    const at = part(last, worker);
    const [config, id] = [{ configurable: { thread_id: at.thread, checkpoint_ns: '', checkpoint_id: at.id } }, newId()];
    const versions = { work: ++at.step };
    const checkpoint = {
      v: 4,
      id,
      ts: new Date().toISOString(),
      channel_values: { work: WORK },
      channel_versions: versions,
      versions_seen: {},
    };
    await saver.put(config, checkpoint, { source: 'loop', step: at.step, parents: {} }, versions);
    at.id = id;
  });
  const get = throughput(seconds, async (worker) => {
    const found = await saver.getTuple({ configurable: { thread_id: part(last, worker).thread, checkpoint_ns: '' } });
    if (!found?.checkpoint.channel_values.work) throw new Error('a checkpoint came without its work');
  });
  return { put, get, close: () => pool.end() };
}

/** Both sides, and agents who each keep their work. */
async function openAll(place: Place) {
  const { databaseUrl, samples } = place;
  const projectId = samples.project.id;
  const theirs = await langGraph(place);
  const { store, close } = await openBoth(databaseUrl);
  const ids = await addAgents(databaseUrl, { projectId, count: AT_ONCE });
  return {
    agents: { store, projectId, ids },
    theirs,
    close: async () => {
      await close();
      await theirs.close();
    },
  };
}

type Agents = Awaited<ReturnType<typeof openAll>>['agents'];

const kept = (name: string, keep: (agents: Agents) => (worker: number) => Promise<unknown>): Case => ({
  name: `${name} of 64 KiB, the store`,
  against: 'LangGraph’s checkpointer for PostgreSQL, put',
  unit: 'saves/s',
  better: 'higher',
  mark: 1,
  async sides(place) {
    const { agents, theirs, close } = await openAll(place);
    return { ours: throughput(place.seconds, keep(agents)), theirs: theirs.put, close };
  },
});

const saved = kept('saveState', ({ store, projectId, ids }) => {
  const versions = ids.map((): number | null => null);
  return async (worker) => {
    const input = { sessionId: part(ids, worker), expectedVersion: versions[worker] ?? null, contextVariables: WORK };
    const { savedState } = await saveState(store, callerIn(projectId), input);
    versions[worker] = savedState.version;
  };
});

const take =
  ({ store, projectId, ids }: Agents) =>
  (worker: number) => {
    const work = { type: 'AUTOMATIC', trigger: 'STEP_COMPLETE', workState: WORK } as const;
    return createCheckpoint(store, callerIn(projectId), { sessionId: part(ids, worker), ...work });
  };
const taken = kept('createCheckpoint', take);

/** For information: no mark. */
const got: Case = {
  name: 'a checkpoint of 64 KiB, read by the store',
  against: 'LangGraph’s checkpointer for PostgreSQL, getTuple',
  unit: 'reads/s',
  better: 'higher',
  mark: 0,
  async sides(place) {
    const { agents, theirs, close } = await openAll(place);
    await theirs.put();
    const checkpoints = await Promise.all(agents.ids.map((_, worker) => take(agents)(worker)));
    const read = (worker: number) =>
      readCheckpoint(agents.store.database.reader, agents.projectId, part(checkpoints, worker).checkpoint.id);
    return { ours: throughput(place.seconds, read), theirs: theirs.get, close };
  },
};

export const checkpointCases: readonly Case[] = [saved, taken, got];
