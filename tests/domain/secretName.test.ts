import { describe, expect, it } from 'vitest';
import { hidesNumbers, isSecretName } from '../../src/domain/secretName.js';

const words = (text: string) => text.trim().split(/\s+/);

describe('a name', () => {
  it.each(
    words(`
      password PASSWORD Password userPassword db_password db-password pass_word passWord passwords passwordHash
      passwd PASSWD passphrase ssh.passphrase
      secret secrets clientSecret client_secret CLIENT-SECRET aws_secret_access_key secretkey secret_id
      token tokens accessToken access_token accesstoken sessionTokens csrf-token refreshToken token_value
      api_key apiKey APIKEY api-key X-Api-Key x.api.key openaiApiKey apikeys
      authorization Authorization Proxy-Authorization
      cookie Cookie Set-Cookie setCookie cookies
      private_key privateKey PRIVATE-KEY privatekey sshPrivateKeyPem`),
  )('is secret: %s', (name) => {
    expect(isSecretName(name)).toBe(true);
  });

  it.each(['api key', 'Private Key', 'spring.datasource.password'])('is secret with any separator: %s', (name) => {
    expect(isSecretName(name)).toBe(true);
  });

  it.each(
    words(`
      name key keys author authority authored public_key publicKey tokenizer tokenize tokenization secretary secretariat
      secretion cookiecutter pass passed compass passenger api apis private monkey keyboard pwd
      src/domain/token.ts /run/secrets/db C:\\secrets\\token`),
  )('is not: %s', (name) => {
    expect(isSecretName(name)).toBe(false);
  });

  it('is not where it is too long for one', () => {
    expect(isSecretName(`${'x'.repeat(123)}token`)).toBe(true);
    expect(isSecretName(`${'x'.repeat(124)}token`)).toBe(false);
  });

  it.each(words('token tokens max_tokens inputTokens tokenCount'))('that counts tokens hides no number: %s', (name) => {
    expect(hidesNumbers(name)).toBe(false);
  });

  it.each(words('password api_key secretToken token_password cookie privateKey'))('hides numbers too: %s', (name) => {
    expect(hidesNumbers(name)).toBe(true);
  });
});
