import { describe, expect, it } from 'vitest';
import { secretShapes } from '../../src/domain/secret.js';
import { KEY_LINES, SECRETS } from '../support/secret.js';

const found = (text: string) => secretShapes(text).map(({ start, end }) => text.slice(start, end));

describe('a secret', () => {
  it.each(Object.entries(SECRETS))('is seen by its shape, and nothing beside it: %s', (_, secret) => {
    for (const [before, after] of [
      ['', ''],
      ['key ', ' end'],
      ['"', '"'],
      ['https://example.org/?a=', '&b=2'],
      ['line\\n', '\\nnext'],
      ['a%3D', '%26'],
      ['(', ')'],
      ['x=', ','],
    ] as const) {
      expect(found(`${before}${secret}${after}`)).toEqual([secret]);
    }
  });

  it.each(Object.entries(SECRETS))('is seen twice where it stands twice: %s', (_, secret) => {
    expect(found(`${secret} ${secret}`)).toEqual([secret, secret]);
  });

  it.each([
    'ask-me-anything-you-want-to-know',
    'sk-learn',
    'sk-estimator-doc-link-container',
    'sk-container-id-1 sk-toggleable__content',
    'task-0b3f9c1d2e4a5b6c7d8e9f00',
    'disk-0123456789abcdef0123456789',
    'ghp_ is the prefix, gho_short too',
    'github_pat_1234',
    'xoxo-gossip-girl-and-friends',
    'AKIA and AKIAshort, AIzaShort, glpat-short',
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9',
    'eyJ.abc.def version 1.2.3',
    'the bearer authentication scheme, a Bearer token, bearer of news',
    'WWW-Authenticate: Bearer realm="example"',
    'http://localhost:4000/graphql http://[::1]:4000/@scope/name https://example.org/@user',
    'ssh://git@github.com/a/b.git mailto:a@b.example https://example.org:8080?mail=a@b.example',
    '-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----',
    "text.includes('-----BEGIN PRIVATE KEY-----')",
    'a file that ends in -----END PRIVATE KEY-----',
  ])('is not what merely begins alike: %s', (text) => {
    expect(found(text)).toEqual([]);
  });
});

describe('the password in a URL', () => {
  it.each([
    ['postgres://app:hunter2@db/x', 'hunter2'],
    ['amqps://a:p%40ss@h', 'p%40ss'],
    ['redis://:hunter2@h:6379', 'hunter2'],
    ['https://x-access-token:abc@github.com/a/b', 'abc'],
    ['mysql://u:12345@h:3306', '12345'],
    ['mongodb://u:p@h1:27017,h2:27017/db', 'p'],
    ['postgres://u:p@ss@h/db', 'p@ss'],
    ['postgres://u:pa/ss?w#rd@h/db', 'pa/ss?w#rd'],
    ['postgres:\\/\\/u:pass@h\\/db', 'pass'],
    ['"jdbc:postgresql://u:pass@h/db?a=b"', 'pass'],
    ['https://a.example/?to=ftp://u:pass@h/x', 'pass'],
  ])('is all that is secret of %s', (url, password) => {
    expect(found(url)).toEqual([password]);
  });
});

describe('a private key', () => {
  const [head, tail] = ['-----BEGIN RSA PRIVATE KEY-----', '-----END RSA PRIVATE KEY-----'];
  const body = KEY_LINES.join('\n');

  it.each([
    ['with escaped line breaks', [head, ...KEY_LINES, tail].join('\\n')],
    ['with escaped line breaks of escaped text', [head, ...KEY_LINES, tail].join('\\\\n')],
    ['indented', [head, ...KEY_LINES, tail].join('\r\n    ')],
    ['with numbers before its lines', [head, ...KEY_LINES, tail].map((line, n) => `  ${n}→${line}`).join('\n')],
    ['with headers', `${head}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB12\n\n${body}\n${tail}`],
    ['put together in code', [head, ...KEY_LINES, tail].map((line) => `"${line}\\n"`).join(' +\n')],
    ['without its end', `${head}\n${body}`],
    ['without its end and with headers', `${head}\nProc-Type: 4,ENCRYPTED\n\n${body}`],
    ['cut off within its end', `${head}\n${body}\n-----END RSA PRIV`],
    ['without its beginning', `${body}\n${tail}`],
  ])('is seen whole: %s', (_, key) => {
    const [rest, ...more] = found(`{"key": "${key}"}`);
    expect(more).toEqual([]);
    for (const line of KEY_LINES) expect(rest).toContain(line);
  });

  it('that is cut off ends with the text in quotes that holds it', () => {
    expect(found(`["${head}\\n${body}", "a public text"]`)).toEqual([`${head}\\n${body}`]);
    expect(found(`["a public text", "${body}\\n${tail}"]`)).toEqual([`${body}\\n${tail}`]);
  });

  it('reaches to no border of another', () => {
    const whole = `${head}\n${body}\n${tail}`;
    expect(found(`${whole}\nbetween\n${whole}`)).toEqual([whole, whole]);
  });
});
