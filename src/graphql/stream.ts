import { stream } from '../store/stream.js';

/** What `values` makes of a stream of the store. Both end as soon as the consumer leaves. */
export function through<Source, Value>(
  source: AsyncGenerator<Source, void, void>,
  values: (source: AsyncIterable<Source>) => AsyncGenerator<Value, void, void>,
): AsyncGenerator<Value, void, void> {
  return stream((signal) => {
    signal.addEventListener('abort', () => void source.return());
    return values(source);
  });
}
