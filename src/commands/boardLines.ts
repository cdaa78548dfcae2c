import type { SessionBoard, Place } from './board.js';
import type { Audience, ConnectionState } from './boardFeed.js';
import { boardRow } from './boardRow.js';
import { second } from './format.js';
import { cell, plain, say } from './print.js';

/**
 * A board as lines: each session as it is now, and again after every change. A reader that is slow gets the newest of each
 * session, not all that it has missed.
 */
export class BoardLines implements Audience {
  readonly #news = new Set<string>();
  #connection: ConnectionState = 'live';
  #isWriting = false;

  constructor(
    private readonly board: SessionBoard,
    private readonly lineOf: (place: Place, at: string) => string,
  ) {}

  onNews(ids: readonly string[]): void {
    for (const id of ids) this.#news.add(id);
    if (!this.#isWriting) void this.#write();
  }

  onProgress(connection: ConnectionState): void {
    if (connection === this.#connection) return;
    this.#connection = connection;
    void say(connection === 'live' ? 'the server is back' : 'the connection is lost: trying again', process.stderr);
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#news.size > 0) {
      const now = performance.now();
      const places = this.board.placesOf([...this.#news], now);
      this.#news.clear();
      const at = this.board.time(now).toISOString();
      if (places.length > 0) await say(places.map((place) => this.lineOf(place, at)).join('\n'));
    }
    this.#isWriting = false;
    this.board.sweep(performance.now());
  }
}

/** Apart by tabs: when it was so, the session, and what the board shows of it. */
export function textLine(place: Place, at: string): string {
  return plain([cell(second(at)), cell(place.session.id), ...boardRow(place)]);
}

/** The session as the API tells it, silent for as long as it is now. */
export function watched({ session, silentSeconds }: Place) {
  return { ...session, liveness: { ...session.liveness, silentSeconds } };
}
