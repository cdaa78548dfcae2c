// Operations whose results come one by one, for as long as somebody listens.
import type { FormattedExecutionResult } from 'graphql';
import type { Client } from 'graphql-ws';
import { open, posted, type Operation } from '../support/wire.js';

interface Listener {
  readonly heard: (result: FormattedExecutionResult) => void;
  /** What no operation may come to: no answer, a broken connection, a fault of the server. */
  readonly failed: (what: string) => void;
}

export interface Listening {
  /** Resolves when nothing more comes, by whose will ever. */
  readonly ended: Promise<void>;
  readonly end: () => void;
}

export function listenByWebSocket(client: Client, operation: Operation, { heard, failed }: Listener): Listening {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = client.subscribe(
      { ...operation },
      {
        next: (result) => heard(result as FormattedExecutionResult),
        complete: resolve,
        error(failure) {
          if (Array.isArray(failure)) heard({ errors: failure as FormattedExecutionResult['errors'] });
          else failed(`the socket was closed: ${JSON.stringify(failure)}`);
          resolve();
        },
      },
    );
  });
  return { ended, end };
}

export function listenByEventStream(url: string, operation: Operation, { heard, failed }: Listener): Listening {
  const leaving = new AbortController();

  async function read(): Promise<void> {
    const sending = { ...posted(operation, { accept: 'text/event-stream' }), signal: leaving.signal };
    const response = await open(url, sending);
    if (response.statusCode && response.statusCode >= 500) failed(`status ${response.statusCode}`);
    let unread = '';
    for await (const chunk of response.setEncoding('utf8')) {
      const parts = `${unread}${String(chunk)}`.split('\n\n');
      unread = parts.pop() ?? '';
      for (const part of parts) {
        const [, result] = /^event: next\n(?:id: .*\n)?data: (.*)$/.exec(part) ?? [];
        if (result !== undefined) heard(JSON.parse(result) as FormattedExecutionResult);
      }
    }
    // What is refused before it is an operation is answered without a stream.
    if (unread !== '') heard(JSON.parse(unread) as FormattedExecutionResult);
  }

  const ended = read().catch((error: unknown) => {
    if (!leaving.signal.aborted) failed(`no answer: ${String(error)}`);
  });
  return { ended, end: () => leaving.abort() };
}
