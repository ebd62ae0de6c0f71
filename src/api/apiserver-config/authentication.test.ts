import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../component-config/error.ts';
import { readAuthentication } from './authentication.ts';

const OWN = 'https://kubernetes.default.svc';
const USERNAME = { claim: 'sub', prefix: '' };
const ISSUER = { url: 'https://i.example.com', audiences: ['us'] };

const text = (jwt: object[], more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt,
    ...more,
  });
const issuer = (over: object): string =>
  text([{ issuer: { ...ISSUER, ...over }, claimMappings: { username: USERNAME } }]);
const mappings = (over: object): string =>
  text([{ issuer: ISSUER, claimMappings: { username: USERNAME, ...over } }]);
const rules = (over: object): string =>
  text([{ issuer: ISSUER, claimMappings: { username: USERNAME }, ...over }]);

function refusal(config: string): string {
  try {
    readAuthentication(config, { ownIssuers: [OWN] });
    return 'taken';
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
}

describe('an AuthenticationConfiguration', () => {
  it('is read as it is written', () => {
    const config = readAuthentication(
      text(
        [
          {
            issuer: {
              ...ISSUER,
              discoveryURL: 'https://d.example.com/x',
              audiences: ['us', 'them'],
              audienceMatchPolicy: 'MatchAny',
            },
            claimValidationRules: [{ claim: 'a', requiredValue: 'b' }],
            claimMappings: {
              username: { expression: 'claims.sub' },
              uid: { claim: 'id' },
              extra: [{ key: 'acme.io/x', valueExpression: 'claims.x' }],
            },
            userValidationRules: [{ expression: "user.username != ''", message: 'm' }],
          },
        ],
        { anonymous: { enabled: true, conditions: [{ path: '/livez' }] } },
      ),
      { ownIssuers: [OWN] },
    );
    assert.deepEqual(config, {
      jwt: [
        {
          issuer: {
            url: 'https://i.example.com',
            discoveryURL: 'https://d.example.com/x',
            certificateAuthority: '',
            audiences: ['us', 'them'],
            audienceMatchPolicy: 'MatchAny',
            egressSelectorType: '',
          },
          claimValidationRules: [{ claim: 'a', requiredValue: 'b', expression: '', message: '' }],
          claimMappings: {
            username: { claim: '', expression: 'claims.sub' },
            groups: { claim: '', expression: '' },
            uid: { claim: 'id', expression: '' },
            extra: [{ key: 'acme.io/x', valueExpression: 'claims.x' }],
          },
          userValidationRules: [{ expression: "user.username != ''", message: 'm' }],
        },
      ],
      anonymous: { enabled: true, conditions: [{ path: '/livez' }] },
    });
    assert.equal(refusal(text([])), 'taken');
  });

  const at = 'jwt[0]';
  const email = "claims.email_verified ? claims.email : ''";
  const unverified = `${at}.claimMappings.username.expression: Invalid value: "claims.email": claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression`;
  const table: readonly (readonly [claim: string, config: string, message: string | RegExp])[] = [
    ['that is empty', '', 'empty config data'],
    [
      'with an unknown field',
      text([], { foo: 1 }),
      /^strict decoding error: .*unknown field "foo"/,
    ],
    ['without a URL', issuer({ url: '' }), `${at}.issuer.url: Required value`],
    [
      'of service accounts',
      issuer({ url: OWN }),
      `${at}.issuer.url: Invalid value: "${OWN}": URL must not overlap with disallowed issuers: [${OWN}]`,
    ],
    [
      'without TLS, with much in its URL',
      issuer({ url: 'http://u:p@i.example.com?a#b' }),
      `[${['URL scheme must be https', 'URL must not contain a username or password', 'URL must not contain a query', 'URL must not contain a fragment'].map((why) => `${at}.issuer.url: Invalid value: "http://u:p@i.example.com?a#b": ${why}`).join(', ')}]`,
    ],
    [
      'that is discovered at itself',
      issuer({ discoveryURL: 'https://i.example.com/' }),
      `${at}.issuer.discoveryURL: Invalid value: "https://i.example.com/": discoveryURL must be different from URL`,
    ],
    [
      'twice',
      text(
        [1, 2].map(() => ({
          issuer: { ...ISSUER, discoveryURL: 'https://d' },
          claimMappings: { username: USERNAME },
        })),
      ),
      '[jwt[1].issuer.url: Duplicate value: "https://i.example.com", jwt[1].issuer.discoveryURL: Duplicate value: "https://d"]',
    ],
    [
      'for nobody',
      issuer({ audiences: [] }),
      `${at}.issuer.audiences: Required value: at least one ${at}.issuer.audiences is required`,
    ],
    [
      'for odd audiences',
      issuer({ audiences: ['', 'a', 'a'] }),
      `[${at}.issuer.audiences[0]: Required value, ${at}.issuer.audiences[2]: Duplicate value: "a", ${at}.issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences]`,
    ],
    [
      'of another policy',
      issuer({ audienceMatchPolicy: 'All' }),
      `${at}.issuer.audienceMatchPolicy: Invalid value: "All": audienceMatchPolicy must be empty or MatchAny for single audience`,
    ],
    [
      'with an authority that is none',
      issuer({ certificateAuthority: 'x' }),
      `${at}.issuer.certificateAuthority: Invalid value: "<omitted>": data does not contain any valid RSA or ECDSA certificates`,
    ],
    [
      'by an unknown way',
      issuer({ egressSelectorType: 'pigeon' }),
      `${at}.issuer.egressSelectorType: Invalid value: "pigeon": egress selector must be either controlplane or cluster`,
    ],
    [
      'without a name',
      text([{ issuer: ISSUER, claimMappings: {} }]),
      `${at}.claimMappings.username: Required value: claim or expression is required`,
    ],
    [
      'with a name twice, and no prefix of groups',
      mappings({ username: { claim: 'a', expression: 'claims.a' }, groups: { claim: 'b' } }),
      `[${at}.claimMappings.username: Invalid value: "": claim and expression can't both be set, ${at}.claimMappings.groups.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing]`,
    ],
    [
      'with a prefix of an expression',
      mappings({ groups: { prefix: 'a', expression: 'claims.a' } }),
      `${at}.claimMappings.groups.prefix: Invalid value: "a": may not be specified when expression is set`,
    ],
    [
      'with a uid twice',
      mappings({ uid: { claim: 'a', expression: 'claims.a' } }),
      `${at}.claimMappings.uid: Invalid value: "": claim and expression can't both be set`,
    ],
    [
      'with extra values of bad keys',
      mappings({
        extra: [
          { key: 'x', valueExpression: 'claims.a' },
          { key: 'acme.io/Team', valueExpression: '' },
          { key: 'a.k8s.io/x', valueExpression: 'claims.a' },
          { key: 'a.k8s.io/x', valueExpression: 'claims.a' },
        ],
      }),
      new RegExp(
        [
          String.raw`^\[jwt\[0\]\.claimMappings\.extra\[0\]\.key: Invalid value: "x": must be a domain-prefixed path`,
          String.raw`.*extra\[1\]\.key: Invalid value: "acme.io/Team": must be lowercase, `,
          String.raw`.*extra\[1\]\.valueExpression: Required value, `,
          String.raw`.*extra\[2\]\.key: Invalid value: "a.k8s.io/x": k8s.io, kubernetes.io and their subdomains are reserved`,
          String.raw`.*extra\[3\]\.key: Duplicate value: "a.k8s.io/x"\]$`,
        ].join(''),
      ),
    ],
    [
      'by addresses that nobody verified',
      mappings({ username: { expression: 'claims.email' } }),
      unverified,
    ],
    [
      'by addresses that nobody verified, asked for otherwise',
      mappings({ username: { expression: "claims.?email.orValue('')" } }),
      /claims\.email_verified must be used/,
    ],
    ['by addresses that are verified', mappings({ username: { expression: email } }), 'taken'],
    [
      'by addresses that a rule verifies',
      rules({
        claimMappings: { username: { expression: 'claims.email' } },
        claimValidationRules: [{ expression: 'claims.email_verified == true' }],
      }),
      'taken',
    ],
    [
      'with expressions that are none',
      mappings({ username: { expression: 'claims.' } }),
      /^jwt\[0\]\.claimMappings\.username\.expression: Invalid value: "claims\.": compilation failed: ERROR: /,
    ],
    [
      'with rules of nothing, and of both',
      rules({ claimValidationRules: [{}, { claim: 'a', expression: 'true' }] }),
      `[${at}.claimValidationRules[0]: Required value: claim or expression is required, ${at}.claimValidationRules[1]: Invalid value: "a": claim and expression can't both be set]`,
    ],
    [
      'with rules that say too much, twice',
      rules({
        claimValidationRules: [
          { claim: 'a', message: 'm' },
          { claim: 'a' },
          { expression: 'true', requiredValue: 'v' },
          { expression: 'true' },
          { expression: '1' },
        ],
      }),
      `[${at}.claimValidationRules[0].message: Invalid value: "m": may not be specified when claim is set, ${at}.claimValidationRules[1].claim: Duplicate value: "a", ${at}.claimValidationRules[2].requiredValue: Invalid value: "v": may not be specified when expression is set, ${at}.claimValidationRules[3].expression: Duplicate value: "true", ${at}.claimValidationRules[4].expression: Invalid value: "1": must evaluate to bool]`,
    ],
    [
      'with bad rules of users',
      rules({
        userValidationRules: [
          { expression: '' },
          { expression: 'user.nobody' },
          { expression: 'true' },
          { expression: 'true' },
        ],
      }),
      /^\[jwt\[0\]\.userValidationRules\[0\]\.expression: Required value, jwt\[0\]\.userValidationRules\[1\]\.expression: Invalid value: "user\.nobody": compilation failed: ERROR: <input>:1:5: undefined field 'nobody'.*, jwt\[0\]\.userValidationRules\[3\]\.expression: Duplicate value: "true"\]$/s,
    ],
    [
      'of too many issuers',
      text(Array.from({ length: 65 }, () => ({}))),
      'jwt: Too many: 65: must have at most 64 items',
    ],
    [
      'with conditions of what is off',
      text([], { anonymous: { enabled: false, conditions: [{ path: '/x' }] } }),
      'anonymous.conditions: Invalid value: [{"Path":"/x"}]: enabled should be set to true when conditions are defined',
    ],
  ];
  for (const [claim, config, message] of table)
    it(`${claim} is ${message === 'taken' ? 'taken' : 'refused'}`, () => {
      if (typeof message === 'string') assert.equal(refusal(config), message);
      else assert.match(refusal(config), message);
    });

  it('keeps what was said of anonymous requests at the start', () => {
    const first = readAuthentication(text([], { anonymous: { enabled: true } }), {
      ownIssuers: [],
    });
    const again = (more: object): unknown =>
      readAuthentication(text([], more), { ownIssuers: [], first });
    again({ anonymous: { enabled: true } });
    assert.throws(() => again({}), {
      message: 'anonymous: Forbidden: changed from initial configuration file',
    });
  });
});
