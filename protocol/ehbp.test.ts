import { describe, expect, test } from 'vitest'
import { type Bytes, concat, fromHex, hex } from '#base/bytes.ts'
import type { Provider } from './crypto.ts'
import type { ProtocolErrorCode } from './errors.ts'
import { marshalKeyConfig, parseKeyConfig } from './key-config.ts'
import { nodeProvider } from './node.ts'
import { formatRecoveryToken, parseRecoveryToken } from './recovery-token.ts'
import { responseKeys } from './response.ts'
import { openerFromToken } from './seal-request.ts'
import { codeOf, pieces } from './testing/fixtures.ts'
import derive from './vectors/ehbp/derive.json' with { type: 'json' }
import keyConfigs from './vectors/ehbp/key-config.json' with { type: 'json' }
import whole from './vectors/ehbp/response-decryption.json' with { type: 'json' }
import frames from './vectors/ehbp/response-frames.json' with { type: 'json' }
import token from './vectors/ehbp/session-recovery-token.json' with { type: 'json' }
import { webProvider } from './web.ts'

/** Our codes for the error names of EHBP's vectors. */
const CODES: Readonly<Record<string, ProtocolErrorCode>> = {
  INVALID_INPUT: 'bad_input',
  INVALID_KEY_CONFIG: 'key_config_invalid',
  UNSUPPORTED_SUITE: 'key_config_unsupported',
  AEAD_DECRYPT_FAILED: 'frame_unauthentic',
  FRAMING_TRUNCATED: 'frame_truncated',
  CHUNK_TOO_LARGE: 'frame_too_large',
}

const PROVIDERS: readonly [string, Provider][] = [
  ['node', nodeProvider],
  ['web', webProvider],
]

describe('key configuration', () => {
  test.each(keyConfigs)('$id', async ({ operation, inputs, expect: expected }) => {
    if (operation === 'marshal_config') {
      const publicKey = fromHex(inputs.publicKey ?? '')
      expect(hex(marshalKeyConfig([{ suite: 'ehbp-x25519', publicKey }]))).toBe(expected.body_hex)
    } else if (expected.outcome === 'ok') {
      const parsed = parseKeyConfig(fromHex(inputs.config ?? ''))
      expect(hex(parsed.publicKey)).toBe(expected.public_key)
    } else {
      const code = await codeOf(() => parseKeyConfig(fromHex(inputs.config ?? '')))
      expect(code).toBe(CODES[expected.error_code ?? ''])
    }
  })

  test('X25519 comes first whatever the order given, so that other clients find it', () => {
    const keys = [
      { suite: 'ehbp-mlkem768-x25519', publicKey: new Uint8Array(1216).fill(1) },
      { suite: 'ehbp-x25519', publicKey: new Uint8Array(32).fill(2) },
    ] as const
    const bytes = marshalKeyConfig(keys)
    expect(parseKeyConfig(bytes)).toEqual(keys[1])
    expect(parseKeyConfig(bytes.subarray(41))).toEqual(keys[0])
    expect(() => marshalKeyConfig([])).toThrow('no keys')
  })
})

interface Inputs {
  readonly exportedSecret: string
  readonly requestEnc: string
  readonly responseNonce: string
}

function keysOf(provider: Provider, inputs: Inputs): ReturnType<typeof responseKeys> {
  return responseKeys(provider.hashes, {
    secret: fromHex(inputs.exportedSecret),
    salt: fromHex(inputs.requestEnc),
    nonce: fromHex(inputs.responseNonce),
    end: false,
  })
}

describe.each(PROVIDERS)('responses on %s', (_, provider) => {
  test('keys derive as published', () => {
    const keys = keysOf(provider, derive)
    expect(hex(keys.key)).toBe(derive.derivedKey)
    expect(hex(keys.nonce)).toBe(derive.derivedNonceBase)
  })

  test('the published response opens', async () => {
    const opener = provider.bodies.opener(keysOf(provider, whole))
    const parts = await opener.push(fromHex(whole.encryptedResponse))
    opener.end()
    expect(hex(concat(...parts))).toBe(whole.plaintext)
  })

  test.each(frames)('$id', async ({ operation, inputs, expect: expected, chunking }) => {
    if (operation === 'derive_keys') {
      if (expected.outcome === 'ok') {
        const keys = keysOf(provider, inputs)
        expect(hex(concat(keys.key, keys.nonce))).toBe(expected.key_then_nonce_hex)
      } else {
        expect(await codeOf(() => keysOf(provider, inputs))).toBe(CODES[expected.error_code ?? ''])
      }
      return
    }
    const emitted: Bytes[] = []
    const code = await codeOf(async () => {
      const opener = provider.bodies.opener(keysOf(provider, inputs))
      for (const chunk of pieces(fromHex(inputs.encryptedResponse ?? ''), chunking ?? [])) {
        emitted.push(...(await opener.push(chunk)))
      }
      opener.end()
    })
    if (expected.outcome === 'ok') {
      expect([code, hex(concat(...emitted))]).toEqual(['no error', expected.body_hex])
    } else {
      expect(code).toBe(CODES[expected.error_code ?? ''])
      expect(concat(...emitted).length).toBe(expected.bytes_emitted_before_error)
    }
  })
})

describe('session recovery token', () => {
  test('the published token reads and writes byte for byte', () => {
    const parsed = parseRecoveryToken(JSON.stringify(token))
    expect(hex(parsed.secret)).toBe(token.exportedSecret)
    expect(hex(parsed.enc)).toBe(token.requestEnc)
    expect(formatRecoveryToken(parsed)).toBe(JSON.stringify(token))
  })

  test('opens the published response from its first frame', async () => {
    const recovered = parseRecoveryToken(
      JSON.stringify({ exportedSecret: whole.exportedSecret, requestEnc: whole.requestEnc }),
    )
    const opener = openerFromToken(nodeProvider, recovered, whole.responseNonce)
    const parts = opener.push(fromHex(whole.encryptedResponse))
    expect(hex(concat(...parts))).toBe(whole.plaintext)
  })

  test.each([
    'null',
    '[]',
    '{}',
    '"x"',
    'not json',
    JSON.stringify({ ...token, exportedSecret: token.exportedSecret.slice(1) }),
    JSON.stringify({ ...token, requestEnc: `${token.requestEnc}00` }),
    JSON.stringify({ ...token, exportedSecret: token.exportedSecret.toUpperCase() }),
    JSON.stringify({ ...token, extra: 1 }),
  ])('refuses %s', async (source) => {
    expect(await codeOf(() => parseRecoveryToken(source))).toBe('message_invalid')
  })
})
