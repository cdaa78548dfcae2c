// Who asks: another process than the server's and than the one that measures, so that neither pays for it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import autocannon from 'autocannon';

export interface Load {
  readonly url: string;
  /** Bodies of requests, of which each connection sends a part of its own, in turn. At least one per connection. */
  readonly bodies: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
}

export interface Caller {
  /** Answers a second, each of them a right one: status 200, and no `errors`. @throws where one is not. */
  call(load: Load): Promise<number>;
  stop(): void;
}

const HEADERS = { 'content-type': 'application/json', accept: 'application/json' };
const IS_WRONG = '"errors":';

/** A body of a GraphQL request. */
export const bodyOf = (query: string, variables: object = {}): string => JSON.stringify({ query, variables });

/** One answer, looked at: what comes as `data`. */
export async function askOnce<Data>(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Data> {
  const response = await fetch(url, { method: 'POST', headers: { ...HEADERS, ...headers }, body });
  const text = await response.text();
  if (response.status !== 200 || text.includes(IS_WRONG)) throw new Error(`${url} answers ${response.status}: ${text}`);
  return (JSON.parse(text) as { data: Data }).data;
}

/** Starts the process of whoever asks, which is this program with the argument `caller`. */
export function startCaller(): Caller {
  const child = fork(process.argv[1] ?? '', ['caller'], { execArgv: [] });
  return {
    async call(load) {
      child.send(load);
      const [answer] = (await once(child, 'message')) as [number | string];
      if (typeof answer === 'string') throw new Error(answer);
      return answer;
    },
    stop: () => child.kill(),
  };
}

/** What that process does. */
export function runCaller(): void {
  process.on('message', (load: Load) => {
    void fire(load).then(
      (rate) => process.send?.(rate),
      (error: unknown) => process.send?.(String(error)),
    );
  });
}

async function fire(load: Load): Promise<number> {
  const { url, bodies, headers = {}, connections, seconds } = load;
  let next = 0;
  let wrong = '';
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    sampleInt: 50,
    method: 'POST',
    headers: { ...HEADERS, ...headers },
    body: bodies[0],
    setupClient(client) {
      const own = next++ % connections;
      client.setRequests(bodies.filter((_, index) => index % connections === own).map((body) => ({ body })));
    },
    verifyBody(body = '') {
      const isRight = !body.includes(IS_WRONG);
      if (!isRight) wrong ||= body.toString().slice(0, 500);
      return isRight;
    },
  });
  const { errors, timeouts, mismatches, non2xx, requests, duration } = result;
  if (errors + timeouts + mismatches + non2xx > 0) {
    throw new Error(`${errors} errors, ${timeouts} timeouts, ${non2xx} other statuses than 200, ${wrong}`);
  }
  // Where a single answer takes longer than that.
  if (requests.total === 0) return fire({ ...load, seconds: seconds * 4 });
  return requests.total / duration;
}
