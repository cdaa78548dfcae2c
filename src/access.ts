// Who may reach the server, and with what: the part of the configuration that keeps others out. Without any of it, this
// machine alone does, and needs nothing.
import { hostName, Fault, listOf, network, oneOf, optionalUrl, origin, type Setting } from './setting.js';

type Switch = 'auto' | 'on' | 'off';

export interface Access {
  /** Whether requests need a credential; auto: unless only this machine reaches the server and its database. */
  readonly auth: 'auto' | 'required' | 'off';
  /** The server's own admin's, besides the one that is stored. */
  readonly adminKey: string | null;
  /** Where the issuer of tokens publishes its keys; null: no tokens are taken. With it, issuer and audience are there too. */
  readonly jwksUrl: string | null;
  readonly jwtIssuer: string | null;
  readonly jwtAudience: string | null;
  readonly jwtRoleClaim: string;
  readonly jwtProjectClaim: string;
  /** Origins whose pages may call the server, besides its own. */
  readonly corsOrigins: readonly string[];
  /** Names that the server is called by, besides those of the loopback; none: any, where others reach it at all. */
  readonly allowedHosts: readonly string[];
  /** Whose word on the address of a client is taken. */
  readonly trustedProxies: readonly string[];
  /** auto: where no credential is needed. */
  readonly introspection: Switch;
  readonly graphiql: Switch;
}

const SWITCH = ['auto', 'on', 'off'] as const;
const KEY = /^[\w.~+/=-]{32,256}$/;

export const accessSettings: { readonly [Name in keyof Access]: Setting<Access[Name]> } = {
  auth: {
    variable: 'LIFELINE_AUTH',
    flag: '--auth <mode>',
    meaning: 'whether keys are needed: auto (unless on the loopback with the embedded database), required or off',
    fallback: 'auto',
    parse: (text) => oneOf(text, ['auto', 'required', 'off']),
  },
  adminKey: {
    variable: 'LIFELINE_ADMIN_KEY',
    flag: null,
    meaning: "the server's own admin key, 32 characters or more; without it the first start prints one",
    fallback: '',
    parse: secret,
  },
  jwksUrl: {
    variable: 'LIFELINE_JWT_JWKS_URL',
    flag: '--jwt-jwks-url <url>',
    meaning: 'where the issuer of JSON web tokens publishes its keys; without it none are taken',
    fallback: '',
    parse: (text) => optionalUrl(text, ['https', 'http']),
  },
  jwtIssuer: {
    variable: 'LIFELINE_JWT_ISSUER',
    flag: '--jwt-issuer <issuer>',
    meaning: 'the issuer (`iss`) that tokens have to name',
    fallback: '',
    parse: optional,
  },
  jwtAudience: {
    variable: 'LIFELINE_JWT_AUDIENCE',
    flag: '--jwt-audience <audience>',
    meaning: 'the audience (`aud`) that tokens have to name',
    fallback: '',
    parse: optional,
  },
  jwtRoleClaim: {
    variable: 'LIFELINE_JWT_ROLE_CLAIM',
    flag: '--jwt-role-claim <name>',
    meaning: 'the claim that holds the role: observer, agent or admin',
    fallback: 'role',
    parse: String,
  },
  jwtProjectClaim: {
    variable: 'LIFELINE_JWT_PROJECT_CLAIM',
    flag: '--jwt-project-claim <name>',
    meaning: 'the claim that holds the slug of the project',
    fallback: 'project',
    parse: String,
  },
  corsOrigins: {
    variable: 'LIFELINE_CORS_ORIGINS',
    flag: '--cors-origins <origins>',
    meaning: 'origins whose pages may call the server besides its own, apart by commas',
    fallback: '',
    parse: (text) => listOf(text, origin),
  },
  allowedHosts: {
    variable: 'LIFELINE_ALLOWED_HOSTS',
    flag: '--allowed-hosts <names>',
    meaning: 'names it may be called by besides those of the loopback; on another address any, where none is set',
    fallback: '',
    parse: (text) => listOf(text, hostName),
  },
  trustedProxies: {
    variable: 'LIFELINE_TRUST_PROXY',
    flag: '--trust-proxy <addresses>',
    meaning: 'addresses or networks of proxies whose `x-forwarded-for` is believed, apart by commas',
    fallback: '',
    parse: (text) => listOf(text, network),
  },
  introspection: {
    variable: 'LIFELINE_INTROSPECTION',
    flag: '--introspection <switch>',
    meaning: 'whether the schema can be asked for: on, off or auto (where no key is needed)',
    fallback: 'auto',
    parse: (text) => oneOf(text, SWITCH),
  },
  graphiql: {
    variable: 'LIFELINE_GRAPHIQL',
    flag: '--graphiql <switch>',
    meaning: 'whether browsers get GraphiQL: on, off or auto (where no key is needed)',
    fallback: 'auto',
    parse: (text) => oneOf(text, SWITCH),
  },
};

type Place = Access & { readonly host: string; readonly databaseUrl: string | null };

/** Whether a request has to bring a credential. */
export function needsKeys({ auth, host, databaseUrl }: Place): boolean {
  if (auth !== 'auto') return auth === 'required';
  // A database that is shared is reached by other servers too, and what they write is as trusted.
  return !isLoopback(host) || databaseUrl !== null;
}

/** Whether a switch is on. */
export function isOn(given: Switch, place: Place): boolean {
  return given === 'auto' ? !needsKeys(place) : given === 'on';
}

export function isLoopback(host: string): boolean {
  return /^(127(\.\d{1,3}){3}|::1|localhost)$/i.test(host);
}

/** What cannot be together. */
export function contradictions(place: Place): string[] {
  const { auth, host, jwksUrl, jwtIssuer, jwtAudience } = place;
  const faults: string[] = [];
  if (auth === 'off' && !isLoopback(host)) {
    faults.push(`LIFELINE_AUTH is "off" and HOST is ${host}: whoever could reach the server could do everything.`);
  }
  const tokens = [jwksUrl, jwtIssuer, jwtAudience];
  if (tokens.includes(null) && tokens.some((part) => part !== null)) {
    faults.push(
      'LIFELINE_JWT_JWKS_URL, LIFELINE_JWT_ISSUER and LIFELINE_JWT_AUDIENCE belong together: set all or none.',
    );
  }
  return faults;
}

/** The text itself is never told. */
function secret(text: string): string | null {
  if (text === '' || KEY.test(text)) return text || null;
  throw new Fault(
    'is no key: 32 to 256 letters, digits and any of . _ ~ + / = - are. `openssl rand -hex 32` makes one.',
  );
}

function optional(text: string): string | null {
  return text === '' ? null : text;
}
