// What is made of a value that many subscribers are given is made once for all of them.

interface Made<Value> {
  value: Promise<Value>;
  /** Of performance.now(). */
  until: number;
}

/**
 * Makes something of an object once for each key, whoever asks and how often; a failure is not kept. What is made lives for
 * so many ms, by default as long as the object. A function of its own for each kind of thing: two never meet under one key.
 */
export function derivation<Value>(
  keptMs = Infinity,
): (of: object, key: string, make: () => Promise<Value>) => Promise<Value> {
  const made = new WeakMap<object, Map<string, Made<Value>>>();
  return (of, key, make) => {
    const byKey = made.get(of) ?? new Map<string, Made<Value>>();
    made.set(of, byKey);
    const known = byKey.get(key);
    if (known && performance.now() <= known.until) return known.value;

    const fresh: Made<Value> = { value: make(), until: Infinity };
    const forget = (): void => {
      if (byKey.get(key) === fresh) byKey.delete(key);
    };
    byKey.set(key, fresh);
    fresh.value.then(() => {
      if (keptMs === Infinity) return;
      fresh.until = performance.now() + keptMs;
      setTimeout(forget, keptMs).unref();
    }, forget);
    return fresh.value;
  };
}
