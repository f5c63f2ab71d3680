import type { Bytes } from '#base/bytes.ts'
import type { Suites } from './suite.ts'

/** `T` at once on a platform with synchronous cryptography, a promise of it elsewhere. */
export type Result<Mode extends CryptoMode, T> = Mode extends 'sync' ? T : Promise<T>
export type CryptoMode = 'sync' | 'async'

/** An incremental SHA-256 or HMAC. `digest` ends it. */
export interface Hasher {
  update(bytes: Uint8Array): void
  /** 32 bytes. */
  digest(): Bytes
}

/** HMAC-SHA256 under a prepared key. */
export interface MacKey {
  mac(...parts: readonly Uint8Array[]): Bytes
  hasher(): Hasher
}

/** SHA-256 and HMAC-SHA256, synchronous everywhere: the inputs are short or come in pieces. */
export interface Hashes {
  sha256(...parts: readonly Uint8Array[]): Bytes
  sha256Hasher(): Hasher
  macKey(key: Uint8Array): MacKey
}

/** Text forms, as `#base/bytes.ts` defines them, on the platform's fastest code. */
export interface Texts {
  hex(bytes: Uint8Array): string
  /** Canonical lower-case hex. @throws RangeError */
  fromHex(text: string): Bytes
  base64url(bytes: Uint8Array): string
  /** Unpadded canonical base64url. @throws RangeError */
  fromBase64url(text: string): Bytes
}

/** AES-256-GCM under one key. Ciphertext is followed by its 16-byte tag. */
export interface Aead<Mode extends CryptoMode> {
  /** @param headroom bytes left free in front of the ciphertext, for a frame's length */
  seal(nonce: Bytes, aad: Bytes, plaintext: Uint8Array, headroom: number): Result<Mode, Bytes>
  /** @throws anything when the tag does not verify; callers map it to `frame_unauthentic` */
  open(nonce: Bytes, aad: Bytes, ciphertext: Uint8Array): Result<Mode, Bytes>
}

/** Key and first nonce of one sealed body in one direction. */
export interface BodyKeys {
  /** 32 bytes, used for this body only. */
  readonly key: Bytes
  /** 12 bytes; frame `i` uses it XOR `i`. */
  readonly nonce: Bytes
  /** Whether the body ends with an authenticated END frame: always between our peers. */
  readonly end: boolean
}

/** Sees every data frame that a sealer made or an opener accepted. */
export interface FrameObserver {
  /**
   * @param plaintext what the frame holds
   * @param wire the frame as it travels: length, ciphertext, tag
   */
  frame(plaintext: Uint8Array, wire: Uint8Array): void
}

/** Seals one body frame by frame. Calls must not overlap. */
export interface BodySealer<Mode extends CryptoMode> {
  /** One frame. An empty plaintext makes no frame: only END is an empty frame (M1). */
  seal(plaintext: Uint8Array): Result<Mode, Bytes>
  /** The END frame, or nothing in plain EHBP. Nothing may be sealed after it. */
  end(): Result<Mode, Bytes>
}

/** Opens one body from chunks of any size. Calls must not overlap; after an error it stays broken. */
export interface BodyOpener<Mode extends CryptoMode> {
  /** The plaintext of every frame that this chunk completed, in order. */
  push(chunk: Uint8Array): Result<Mode, Bytes[]>
  /** Says that the wire ended. @throws ProtocolError `frame_truncated` or `end_missing` */
  end(): void
  /** Whether the authenticated END has been seen. Always false in plain EHBP. */
  readonly ended: boolean
}

/** Frames on the platform's fastest AEAD. */
export interface Bodies<Mode extends CryptoMode> {
  /** A whole body: one data frame (none when empty) and END. */
  sealWhole(keys: BodyKeys, plaintext: Uint8Array): Result<Mode, Bytes>
  sealer(keys: BodyKeys, observer?: FrameObserver): BodySealer<Mode>
  opener(keys: BodyKeys, observer?: FrameObserver): BodyOpener<Mode>
}

/** What the protocol needs from a platform: `webProvider` anywhere, `nodeProvider` on Node. */
export interface Provider<Mode extends CryptoMode = CryptoMode> {
  readonly hashes: Hashes
  readonly texts: Texts
  readonly bodies: Bodies<Mode>
  readonly suites: Suites
  /** Ed25519, refusing keys of small order (C1). Never throws for a bad signature. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Result<Mode, boolean>
}

/** An Ed25519 key that signs. */
export interface Signer {
  readonly keyId: string
  /** 32 bytes. */
  readonly publicKey: Bytes
  /** 64 bytes. */
  sign(message: Uint8Array): Bytes
}
