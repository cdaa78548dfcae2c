import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../src/app.js';
import { settings } from '../src/config.js';
import { RETRYABLE } from '../src/domain/errors.js';
import { startApp } from './support/app.js';
import { makeFolder, type Folder } from './support/imported.js';
import { createDatabase, type TestDatabase } from './support/postgres.js';
import { examples, readme, stop, Terminal, writeProgram, type Example, type Performance } from './support/readme.js';
import { answer, boundary, bytes, call, line, message, SID } from './support/transcript.js';
import { transports } from './support/wire.js';

/** The examples that are not run here, and why. */
const NOT_RUN = new Map([
  ['npm start', 'it is how the server starts that the others talk to'],
  ['DATABASE_URL=postgresql://… REDIS_URL=redis://… npm start', 'the addresses are the reader’s'],
  ['docker compose --profile two up --build', 'it needs Docker'],
  ['npm run delivery -- --url http://127.0.0.1:4000 --seconds 60', 'it takes a minute, and .ci/run has one of its own'],
]);
const isRun = ({ code }: Example): boolean => !NOT_RUN.has(code);
const isEndless = ({ code }: Example): boolean => code.includes('subscription');

const KEY = '{ platform: "chat", externalId: "1" }';
const CONVERSATION = `mutation {
  transitionSession(input: { conversation: ${KEY}, trigger: FIRST_MESSAGE }) { position }
  closeConversation(input: { conversation: { key: ${KEY} } }) { position }
}`;
const LOG = '{ log(first: 500) { events { position type data session { agentName } } } }';

interface Entry {
  position: number;
  type: string;
  data: { from?: string | null; to?: string };
  session: { agentName: string | null };
}

// Older ones know no --json.
const canCurl = spawnSync('curl', ['--json', '{}', '--version']).status === 0;
if (!canCurl) process.stderr.write('\n!! NOT TESTED: the examples of README.md, which need curl 7.82 or later\n\n');

describe.skipIf(!canCurl)('an example of README.md', () => {
  let database: TestDatabase;
  let app: App;
  let home: Folder;
  let terminal: Terminal;
  const monitors: Performance[] = [];

  beforeAll(async () => {
    database = await createDatabase();
    app = await startApp({ databaseUrl: database.url });
    home = await makeFolder();
    const first = [message('user', 'one'), call('a', 'Bash'), answer('a', 'well')];
    const second = [boundary, message('user', 'so far', { isCompactSummary: true }), message('assistant', 'two')];
    const lines = [...first, ...second].map((fields, number) => line(number, fields));
    await home.write(`.claude/projects/code/${SID}.jsonl`, bytes(...lines));
    terminal = new Terminal({ PATH: process.env.PATH, HOME: home.path, npm_config_update_notifier: 'false' });
  });
  afterAll(async () => {
    await Promise.all(monitors.map(stop));
    await app.close();
    await database.drop();
    await home[Symbol.asyncDispose]();
  });

  it.each(examples.filter(isRun).map((example) => [example.line, example] as const))(
    'prints what it is said to print (line %i)',
    async (_, example) => {
      const { host } = new URL(app.url);
      const running = await terminal.start({ ...example, code: example.code.replaceAll('127.0.0.1:4000', host) });
      if (isEndless(example)) {
        monitors.push(running);
        await expect.poll(() => plain(running.said())).toEqual(plain(example.output ?? ''));
      } else {
        expect([await running.ended, running.complaints()]).toEqual([0, '']);
        expect(plain(running.said())).toEqual(plain(example.output ?? ''));
      }
    },
  );

  it('that monitors goes on after a restart of the server, where it is said to', async () => {
    const [socket, curl, eventSource] = monitors as [Performance, Performance, Performance];
    const { port } = new URL(app.url);
    await app.close();
    await curl.ended;
    app = await startApp({ databaseUrl: database.url, port });
    await transports.HTTP(app.url, { query: CONVERSATION });
    const [result] = await transports.HTTP(app.url, { query: LOG });
    const { events } = (result?.data as { log: { events: Entry[] } }).log;
    const ends = events.filter(({ type }) => type === 'SESSION_ENDED');
    const changes = events.filter(({ position, data }) => position > 8 && 'to' in data);
    await expect
      .poll(socket.said)
      .toBe(ends.map(({ position, session }) => `${position} SESSION_ENDED ${session.agentName}\n`).join(''));
    await expect
      .poll(eventSource.said)
      .toBe(changes.map(({ position, data }) => `${position} ${data.from} ${data.to}\n`).join(''));
  });

  it('is valid TypeScript, where it is in TypeScript', async () => {
    const files = await Promise.all(examples.filter(({ language }) => language === 'ts').map(writeProgram));
    const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)) as { config: object };
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
    const faults = ts.getPreEmitDiagnostics(ts.createProgram(files, { ...options, noEmit: true }));
    expect(faults.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
  });

  it('is run, or is known not to be', () => {
    expect(examples.filter((example) => !isRun(example)).map(({ code }) => code)).toEqual([...NOT_RUN.keys()]);
  });
});

describe('README.md', () => {
  it('lists the configuration as it is', () => {
    const rows = Object.values(settings).map(({ variable, flag, fallback, meaning }) => [
      `\`${variable}\``,
      flag === null ? '' : `\`${flag.split(' ')[0]}\``,
      fallback && `\`${fallback}\``,
      meaning,
    ]);
    expect(tableIn('Configuration')).toEqual(rows);
  });

  it('says of its error codes truly whether to try again', () => {
    const codes = tableIn('Errors').flatMap(([names = '', again = '']) =>
      Array.from(names.matchAll(/`(\w+)`/g), ([, code = '']) => [code, again === 'yes']),
    );
    expect(codes.length).toBeGreaterThan(0);
    expect(RETRYABLE).toMatchObject(Object.fromEntries(codes));
  });

  it('links to what there is', () => {
    const targets = Array.from(readme.matchAll(/\]\(([^)]+)\)/g), ([, target = '']) => target);
    const broken = targets.filter((target) => !/^https?:/.test(target) && !existsSync(target));
    expect(targets.length).toBeGreaterThan(0);
    expect(broken).toEqual([]);
  });
});

/** The cells of the rows of the table under a heading. */
function tableIn(heading: string): string[][] {
  const [, section = ''] = readme.split(`## ${heading}\n`);
  const [text = ''] = section.split('\n## ');
  const rows = text.split('\n').filter((row) => row.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** Without what differs from one time to the next: times, and the jitter of `retry`. Ids that are the same stay the same. */
function plain(output: string): string {
  const known: string[] = [];
  return output
    .trim()
    .replaceAll(/\b([a-z]{3})_[0-9a-z]{26}\b/g, (id, prefix: string) => {
      if (!known.includes(id)) known.push(id);
      return `${prefix}_${known.indexOf(id)}`;
    })
    .replaceAll(/^retry: \d+$/gm, 'retry: <ms>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/\d+\.\d s \(\d+ events\/s\)/g, '<duration>');
}
