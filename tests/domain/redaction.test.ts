import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact, redactDocument, redactText } from '../../src/domain/redaction.js';
import { FORMS, KEY_LINES, PASSWORD, SECRETS } from '../support/secret.js';

const GONE = '[REDACTED]';

describe('the value of a secret name', () => {
  it.each(['password', 'X-Api-Key', 'client_secret', 'accessToken', 'Set-Cookie', 'sessionTokens', 'privateKey'])(
    'is gone whole, whatever it is made of: %s',
    (name) => {
      for (const value of ['hunter2', { a: 'b' }, ['a', 1], [[{ a: { b: 'c' } }]]]) {
        expect(redact({ a: 1, [name]: value, z: ['b'] })).toEqual({
          value: { a: 1, [name]: GONE, z: ['b'] },
          redacted: true,
        });
      }
    },
  );

  it.each(['password', 'apiKey', 'cookie', 'token_secret'])('is gone where it is a number: %s', (name) => {
    expect(redact({ [name]: 1234 }).value).toEqual({ [name]: GONE });
    expect(redact({ [name]: [null, { a: 1 }] }).value).toEqual({ [name]: GONE });
  });

  it.each([
    { max_tokens: 4096, inputTokens: 12, token: 1.5 },
    { tokens: { input: 1, output: [2, 3], cached: null } },
    { password: null, secret: true, cookie: false, authorization: '', apiKey: {}, privateKey: [] },
    { cookies: { secure: true, httpOnly: false } },
    { password: GONE },
    { 'src/domain/token.ts': 'export {};' },
  ])('stays where it hides nothing: %o', (value) => {
    expect(redact(value)).toEqual({ value, redacted: false });
    expect(redact(value).value).toBe(value);
  });

  it('is gone with all around it where an outer name is secret too', () => {
    expect(redact({ secrets: { password: 'a' } }).value).toEqual({ secrets: GONE });
    expect(redact({ tokens: { password: 1, count: 2 } }).value).toEqual({ tokens: { password: GONE, count: 2 } });
  });

  it('is gone from the arguments of a command line', () => {
    expect(redact({ args: ['--user', 'me', '--api-key', 'abc', '-v'] }).value).toEqual({
      args: ['--user', 'me', '--api-key', GONE, '-v'],
    });
    expect(redact(['token', 'abc']).redacted).toBe(false);
  });
});

describe('a text', () => {
  it.each(Object.entries(FORMS))('loses what is secret and keeps the rest: %s', (_, form) => {
    expect(redactText(form)).toEqual({ text: form.replace(PASSWORD, GONE), redacted: true });
  });

  it.each(Object.entries(SECRETS))('loses a secret of each shape: %s', (_, secret) => {
    expect(redactText(`before ${secret} after`)).toEqual({ text: `before ${GONE} after`, redacted: true });
  });

  it('that is JSON is JSON still', () => {
    const inner = JSON.stringify({ password: 12, tokens: 12, secret: { a: ['b'] }, cookies: ['c'], x: 'y' });
    expect(JSON.parse(redactText(inner).text)).toEqual({
      password: GONE,
      tokens: 12,
      secret: GONE,
      cookies: GONE,
      x: 'y',
    });
    expect(JSON.parse(JSON.parse(redactText(JSON.stringify(inner)).text) as string)).toMatchObject({ secret: GONE });
  });

  it('loses two that overlap as one', () => {
    expect(redactText(`Authorization: Bearer ${SECRETS.webToken}; x`).text).toBe(`Authorization: Bearer ${GONE}`);
    expect(redactText(`https://me:${SECRETS.githubPersonal}@example.org`).text).toBe(`https://me:${GONE}@example.org`);
    expect(redactText(`token=a:${SECRETS.aws}`).text).toBe(`token=${GONE}`);
  });
});

describe('a key of an object', () => {
  it('that is a secret itself is gone, and no member with it', () => {
    const { githubPersonal, aws, openai } = SECRETS;
    const { value } = redact({
      [githubPersonal]: 1,
      a: 2,
      [`key ${aws}`]: 3,
      [openai]: 4,
      [GONE]: 5,
      [`${GONE} 2`]: 6,
    });
    expect(Object.values(value as object)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(Object.keys(value as object)).toEqual([GONE, 'a', `key ${GONE}`, `${GONE} 3`, `${GONE} 4`, `${GONE} 2`]);
  });

  it('is data where it is named like a part of a prototype', () => {
    const text = `{"__proto__":{"password":"a","b":1},"constructor":{"token":"c"},"hasOwnProperty":"Bearer ${PASSWORD}"}`;
    const { value } = redact(JSON.parse(text));
    expect(JSON.stringify(value)).toBe(
      `{"__proto__":{"password":"${GONE}","b":1},"constructor":{"token":"${GONE}"},"hasOwnProperty":"Bearer ${GONE}"}`,
    );
    expect(({} as Record<string, unknown>).b).toBeUndefined();
  });
});

describe('redaction', () => {
  it('changes nothing of what it is given', () => {
    const value = { a: [{ password: 'a' }], b: 'c' };
    const text = JSON.stringify(value);
    const { value: clean } = redact(value);
    expect(JSON.stringify(value)).toBe(text);
    expect(clean).toEqual({ a: [{ password: GONE }], b: 'c' });
  });

  it('takes every kind of value', () => {
    for (const value of [null, true, 12, '', 'a', [], {}]) expect(redact(value)).toEqual({ value, redacted: false });
    expect(redact(SECRETS.aws)).toEqual({ value: GONE, redacted: true });
  });

  // Made of letters alone, which no secret is: a random value holds none by chance.
  const plain = fc.jsonValue({
    maxDepth: 4,
    stringUnit: fc.constantFrom('a', 'b', 'x', 'y', ' ', 'é', '😀', ',', '.'),
  });
  const forms = [...Object.values(SECRETS), ...Object.values(FORMS)];
  const traces = [...Object.values(SECRETS), PASSWORD, ...KEY_LINES];

  it('answers with the very same value where there is no secret', () => {
    fc.assert(fc.property(plain, (value) => redact(value).value === value && !redact(value).redacted));
  });

  it('leaves no trace of a secret, wherever in a value it stands, and finds nothing a second time', () => {
    const text = fc
      .tuple(fc.constantFrom(' ', '\n', '"', '(', '; '), fc.constantFrom(...forms))
      .chain(([edge, form]) =>
        fc.constantFrom(
          form,
          `some text${edge}${form}${edge}more`,
          JSON.stringify({ a: form }),
          JSON.stringify(JSON.stringify([form, 1])),
          JSON.stringify({ [form]: 'a' }),
        ),
      );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        text,
        text.map((key) => ({ [key]: 1 })),
        fc.tuple(plain, tie('value'), plain),
        fc.tuple(tie('value'), plain).map(([inner, other]) => ({ a: other, b: inner })),
      ),
    }));
    fc.assert(
      fc.property(value, (secretive) => {
        const clean = redact(secretive);
        expect(clean.redacted).toBe(true);
        const left = JSON.stringify(clean.value);
        for (const trace of traces) expect(left).not.toContain(JSON.stringify(trace).slice(1, -1));
        expect(redact(clean.value)).toEqual({ value: clean.value, redacted: false });
      }),
      { numRuns: 500 },
    );
  });
});

describe('the time that a text takes', () => {
  const LENGTH = 4 * 1024 * 1024;
  // What walks the text again and again from every place is thousands of times slower than one that walks it once.
  const MOST_WALKS = 1500;

  /** A text of that length, in one piece, as it comes from a parser. */
  const filled = (start: string, unit: string) =>
    Buffer.from(start + unit.repeat(Math.ceil(LENGTH / unit.length))).toString();

  /** What it costs the processor at least, in µs: others that keep it busy do not count. */
  const timed = (work: () => unknown, rounds = 1): number =>
    Math.min(
      ...Array.from({ length: rounds }, () => {
        const start = process.cpuUsage();
        work();
        const { user, system } = process.cpuUsage(start);
        return user + system;
      }),
    );

  const walk = (text: string): number => {
    let sum = 0;
    for (let at = 0; at < text.length; at += 1) sum ^= text.charCodeAt(at);
    return sum;
  };

  it.each([
    ['', 'password="'],
    ['', 'password='],
    ['', 'token'],
    ['', 'token '],
    ['', '--token '],
    ['', 'token\\'],
    ['', 'user_password-'],
    ['password=', ')'],
    ['password="', '\\'],
    ['password="', '\\"'],
    ['', '"secret":{'],
    ['', '"secret":['],
    ['', '"tokens":{"a":1,"b":'],
    ['"secret":{', '"a'],
    ['', 'Cookie: a="'],
    ['Cookie: ', 'a="b" '],
    ['', 'Authorization: Basic '],
    ['', 'bearer '],
    ['bearer', ' '],
    ['', 'eyJ'],
    ['', 'eyJa.'],
    ['eyJ', '.'],
    ['', 'sk-'],
    ['', 'sk-learn-'],
    ['', 'ghp_'],
    ['', 'xoxb-'],
    ['', 'AKIA'],
    ['', 'AIza'],
    ['', '://'],
    ['', '://a:b/'],
    ['', '://a:b@'],
    ['://a:', 'b'],
    [':', '\\'],
    ['', '-'],
    ['', '-----BEGIN PRIVATE KEY-----'],
    ['', '-----END PRIVATE KEY-----'],
    ['-----BEGIN PRIVATE KEY-----', 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n'],
    ['', '-----BEGIN PRIVATE KEY-----MIIEvQIBADANBgkqhkiG9w0BAQEFAASC'],
    ['', 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC-----END PRIVATE KEY-----'],
    ['', 'a'],
    ['', ' '],
  ])('is in proportion to it, however hostile: %j and %j again and again', (start, unit) => {
    const text = filled(start, unit);
    const once = timed(() => walk(text), 3);
    expect(timed(() => redactText(text))).toBeLessThan(MOST_WALKS * once);
  });

  it('is in proportion to a value, however deep its secret names', () => {
    const deep = (names: number, inner: unknown): unknown =>
      names === 0 ? inner : { token: deep(names - 1, inner), text: 'a' };
    const list = Array.from({ length: 200_000 }, (_, n) => n);
    const shallow = timed(() => redact(deep(1, list)), 3);
    expect(timed(() => redact(deep(90, list)), 3)).toBeLessThan(10 * shallow + 10_000);
  });
});

describe('a document with its text', () => {
  const alike = (value: unknown) => {
    const { value: clean, redacted } = redact(value);
    const document = redactDocument(value, JSON.stringify(value));
    expect(document).toEqual({ value: clean, text: JSON.stringify(clean) });
    if (!redacted) expect(document.value).toBe(value);
  };

  it('loses what the value by itself loses, in whatever way that is written', () => {
    for (const text of Object.values({ ...SECRETS, ...FORMS }))
      for (const value of [text, { a: [text] }, { [text]: 1 }]) alike(value);
    for (const sign of ['"', '\\', '\n', '\u000b', '\u001b', '\u2028', '-', ' ', ''])
      for (const word of ['pass?word', 'pass?phrase', 'api?key', 'private?key', 'secret', 'token', 'cookie']) {
        const name = word.replace('?', sign);
        alike({ [name]: PASSWORD });
        alike({ a: `${name}="${PASSWORD}"` });
        alike(['--' + name, PASSWORD]);
      }
  });

  it('agrees with the value by itself for whatever is made of what secrets are made of', () => {
    const piece = fc.constantFrom(
      ...[
        'pass',
        'word',
        'phrase',
        'api',
        'key',
        'token',
        'is',
        'cookie',
        'cutter',
        'private',
        'PRIVATE KEY',
        '-----BEGIN ',
      ],
      ...[
        'sk-',
        'ghp_',
        'eyJ',
        'xoxb-',
        'bearer ',
        'AKIA',
        'a1B2c3D4e5F6g7H8i9J0',
        'https://',
        'me',
        ':',
        '@',
        '.',
        '=',
        ' ',
      ],
      ...['"', '\\', '\n', '\u000b', '_', '-', PASSWORD],
    );
    const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
    const member = fc.tuple(text, fc.oneof(text, fc.integer(), fc.array(text)));
    fc.assert(
      fc.property(fc.array(member, { maxLength: 4 }), (members) => {
        alike(Object.fromEntries(members));
      }),
      { numRuns: 500 },
    );
  });
});
