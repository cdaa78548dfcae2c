// What the primary process of a server and its workers say to each other, over the channel that Node gives them.
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Line, Parcel } from './bus/line.js';
import type { Config } from './config.js';
import type { Snapshot } from './server/metrics.js';

export type Order =
  /** The first of all. */
  | { readonly kind: 'serve'; readonly number: number; readonly config: Config; readonly databaseUrl: string }
  /** Comes with a connection, to be confirmed. */
  | { readonly kind: 'take' }
  | { readonly kind: 'measure'; readonly request: number }
  | { readonly kind: 'bus'; readonly parcel: Parcel }
  /** The last of all: what is under way may answer. */
  | { readonly kind: 'close' };

export type Report =
  | { readonly kind: 'ready' }
  /** It ends, for a reason that the user is to be told. */
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'taken' }
  | { readonly kind: 'measured'; readonly request: number; readonly snapshot: Snapshot }
  | { readonly kind: 'bus'; readonly parcel: Parcel };

/** The end of a channel, in whichever process. */
type Sender = Pick<ChildProcess, 'send'> | Required<Pick<NodeJS.Process, 'send'>>;

/**
 * Resolves once the other side can read it; rejects where there is no other side. The socket stays this process's too, so that
 * it is not lost where the other one dies before it has it.
 */
export function send(sender: Sender, message: Order | Report, socket?: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    sender.send(message, socket, { keepOpen: true }, (error) => (error ? reject(error) : resolve()));
  });
}

/** The bus's share of a channel, of which `listen` hears all. */
export function lineOver(sender: Sender, listen: (listener: (message: Order | Report) => void) => () => void): Line {
  return {
    send: (parcel) => send(sender, { kind: 'bus', parcel }),
    onParcel: (listener) => listen((message) => message.kind === 'bus' && listener(message.parcel)),
  };
}
