// A plain EventSource: the operation is in the URL, and what it goes on after in the header Last-Event-ID that it sends.
import { EventSource } from 'eventsource';
import { tell, type Connect } from './subscriber.js';

/** Node's own, where it has one, does as well. */
export const eventSource =
  (Source: typeof EventSource = EventSource): Connect =>
  (url) => {
    const sources: EventSource[] = [];
    return {
      subscribe({ query, variables }, listener) {
        const address = new URL(url);
        address.searchParams.set('query', query);
        address.searchParams.set('variables', JSON.stringify(variables));
        const source = new Source(address.href);
        sources.push(source);
        source.addEventListener('next', ({ data }) => tell(listener, JSON.parse(String(data)) as object));
        source.addEventListener('complete', () => {
          // It would come back after every end.
          source.close();
          listener.completed();
        });
      },
      [Symbol.asyncDispose]() {
        for (const source of sources) source.close();
        return Promise.resolve();
      },
    };
  };
