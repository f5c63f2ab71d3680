import type { CheckTable } from '../checks.ts'

/** Check → what demands it, in public. NRAS is NVIDIA's remote attestation service. */
export const NRAS_CHECKS = {
  'nras.present': 'NRAS: the service’s answer and key set are at hand',
  'nras.form': 'RFC 9711 section 4.2.18: an overall token and device tokens numbered from 0',
  'nras.header': 'RFC 8725 section 3.1: every token says ES384, and all name one key',
  'nras.key': 'RFC 7517: the key set has that key, for ES384 signatures',
  'nras.signature': 'RFC 7515 section 5.2: every token is signed by that key',
  'nras.issuer': 'RFC 7519 section 4.1.1: every token is issued by the pinned service',
  'nras.dates': 'RFC 7519 section 4.1: every token is valid now and lives an hour at most',
  'nras.nonce': 'RFC 9711 section 4.1: every token answers the caller’s nonce',
  'nras.digests':
    'RFC 9711 section 4.2.18.2: the overall token digests exactly these device tokens',
  'nras.key-chain': 'RFC 7517 section 4.7: certificates of the key are for it, and linked',
  'nras.age': 'README, policy: the tokens are recent enough',
  'nras.key-provenance': 'README, policy: certificates vouch for the signing key',
  'nras.result': 'NRAS claims: the overall result is true, of a known claims version',
  'nras.claims': 'NRAS claims: every claim about each GPU is there and good',
  'nras.warning': 'NRAS claims: no warning, or a tolerated one',
  'nras.devices': 'NRAS claims: the tokens are about exactly the GPUs of the evidence',
} as const satisfies CheckTable
