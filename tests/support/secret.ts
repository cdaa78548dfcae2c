// Secrets that look like real ones and open nothing. Put together here, so that no scanner takes this file for a leak.
const letters = (length: number) => 'a1B2c3D4e5F6g7H8'.repeat(Math.ceil(length / 16)).slice(0, length);
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const lines = Array.from({ length: 6 }, (_, n) => `MIIE${n}${letters(59)}`);
const pem = (kind: string) => [`-----BEGIN ${kind}-----`, ...lines, `-----END ${kind}-----`].join('\n');

export const KEY_LINES = lines;

/** One secret of each shape that is known. */
export const SECRETS = {
  openai: `sk-${letters(48)}`,
  openaiProject: `sk-proj-${letters(20)}_${letters(40)}-${letters(60)}`,
  anthropic: `sk-ant-api03-${letters(80)}-${letters(12)}AA`,
  githubPersonal: `ghp_${letters(36)}`,
  githubOauth: `gho_${letters(36)}`,
  githubFineGrained: `github_pat_${letters(22)}_${letters(59)}`,
  slackBot: `xoxb-${'1234567890'.repeat(2)}-${letters(24)}`,
  slackUser: `xoxp-123456789012-123456789012-${letters(32)}`,
  aws: ['AKIA', 'IOSFODNN7EXAMPLE'].join(''),
  google: `AIza${letters(35)}`,
  gitlab: `glpat-${letters(20)}`,
  lifeline: `llk_01h455vb4pex5vsknk084sn02q_${letters(43)}`,
  webToken: `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded({ sub: '1234567890' })}.${letters(43)}`,
  privateKey: pem('PRIVATE KEY'),
  rsaKey: pem('RSA PRIVATE KEY'),
  opensshKey: pem('OPENSSH PRIVATE KEY'),
  pgpKey: pem('PGP PRIVATE KEY BLOCK'),
} as const;

/** Texts that hold this password where only their form tells that it is one. */
export const PASSWORD = 'correct-Horse9battery';
export const FORMS = {
  postgres: `postgres://app:${PASSWORD}@db.example:5432/app`,
  mongo: `mongodb+srv://root:${PASSWORD}@cluster0.example/?retryWrites=true`,
  redis: `redis://:${PASSWORD}@127.0.0.1:6379/0`,
  bearer: `Bearer ${PASSWORD}`,
  header: `Authorization: Basic ${PASSWORD}`,
  apiKeyHeader: `X-Api-Key: ${PASSWORD}`,
  cookie: `GET / HTTP/1.1\r\nCookie: ${PASSWORD}\r\nHost: example.org`,
  setting: `DB_PASSWORD=${PASSWORD}`,
  query: `https://example.org/a?page=2&access_token=${PASSWORD}&x=1`,
  flag: `mysql --user root --password ${PASSWORD} app`,
  json: JSON.stringify({ a: 1, client_secret: PASSWORD, b: [true] }),
  jsonInText: JSON.stringify(JSON.stringify({ deep: [{ apiKey: PASSWORD }] })),
  yaml: `db:\n  host: localhost\n  passwd: ${PASSWORD}\n  port: 5432`,
  code: `const secret = '${PASSWORD}';`,
} as const;
