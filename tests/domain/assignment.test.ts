import { describe, expect, it } from 'vitest';
import { secretAssignments } from '../../src/domain/assignment.js';

const found = (text: string) => secretAssignments(text).map(({ start, end }) => text.slice(start, end));

describe('the value of a secret name in a text', () => {
  it.each([
    ['password=hunter2', 'hunter2'],
    ['PASSWORD = hunter2 # mine', 'hunter2'],
    ['export API_KEY=abc-123', 'abc-123'],
    ['a=1&access_token=abc.def&b=2', 'abc.def'],
    ['user[password]=hunter2', 'hunter2'],
    ['token%3Dabc123', 'abc123'],
    ['Server=x;Password=hunter2;Database=y', 'hunter2'],
    ['(password=hunter2)', 'hunter2'],
    ['password=a(b)c, next', 'a(b)c'],
    ['passwd: hunter2.', 'hunter2'],
    ['secret => abc', 'abc'],
    ['token := abc', 'abc'],
    ['if (token === "abc")', 'abc'],
    ["password != 'abc'", 'abc'],
    ["const apiKey = 'abc def';", 'abc def'],
    ['secret = """two\nlines"""', 'two\nlines'],
    ['password = b"abc"', 'abc'],
    ['password = "not closed\nnext line', 'not closed'],
    ['"password": "hun\\"ter2", "a": "b"', 'hun\\"ter2'],
    ['"password": "ends in a backslash\\\\", "a": "b"', 'ends in a backslash\\\\'],
    ['"private_key" : 1234', '1234'],
    ['password_hash=$2b$10$abcdefgh', '$2b$10$abcdefgh'],
    ['token: Bearer abc', 'abc'],
    ['mysql --password hunter2 --host x', 'hunter2'],
    ['run --api-key "abc def"', 'abc def'],
    ['["--auth-token", "abc", "x"]', 'abc'],
  ])('is seen in %j: %j', (text, value) => {
    expect(found(text)).toEqual([value]);
  });

  it.each([
    ['Authorization: Bearer abc', 'abc'],
    ['authorization: Basic dXNlcjpwYXNz\r\nHost: x', 'dXNlcjpwYXNz'],
    ['curl -H "Authorization: Token abc" https://example.org', 'abc'],
    ["curl -H 'X-Api-Key: abc' https://example.org", 'abc'],
    ['Authorization: Digest username="u", response="r"\nHost: x', 'username="u", response="r"'],
    ['Cookie: a=b; c="d e"; f=g\nHost: x', 'a=b; c="d e"; f=g'],
    ['Set-Cookie: sid=abc; Path=/\\r\\nHost: x', 'sid=abc; Path=/'],
  ])('is the rest of a header: %j: %j', (text, value) => {
    expect(found(text)).toEqual([value]);
  });

  it('is found in JSON however often that was written into a text', () => {
    let text = JSON.stringify({ before: '\\"', password: 'q"\\', after: 1 });
    let value = 'q"\\';
    for (let depth = 0; depth < 6; depth += 1) {
      value = JSON.stringify(value).slice(1, -1);
      expect(found(text)).toEqual([value]);
      text = JSON.stringify(text);
    }
  });

  it.each([
    ['{"secret": {"a": ["]", "}"]}, "b": 1}', '{"a": ["]", "}"]}'],
    ['{"cookies": ["a", "b"], "b": 1}', '["a", "b"]'],
    ['{"tokens": {"a": 1, "b": "c"}}', '{"a": 1, "b": "c"}'],
    ['{"password": {"a": 1}}', '{"a": 1}'],
    ['{"secrets": ["cut off', '["cut off'],
    [JSON.stringify('{"secret": {"a": "]"}}'), '{\\"a\\": \\"]\\"}'],
  ])('is a whole object or list in %j', (text, value) => {
    expect(found(text)).toEqual([value]);
  });

  it.each([
    'password:\nnext: line',
    '"password": ""',
    '"secret": null, "token": false',
    'password: None',
    'token: string; password?: string',
    'max_tokens=4096, tokens: 1,234 total_tokens: 12k',
    '"max_tokens": 4096',
    '"tokens": {"input": 12, "output": [3, 4.5]}',
    '"cookies": {"secure": true}',
    'PASSWORD=$DB_PASSWORD TOKEN=${TOKEN}',
    'token::new(secret::Kind)',
    'the token is read, the password too',
    'secret://path',
    'run --token --verbose',
    'tokenizer=cl100k',
  ])('is not seen where there is none: %j', (text) => {
    expect(found(text).filter((value) => value !== '')).toEqual([]);
  });
});
