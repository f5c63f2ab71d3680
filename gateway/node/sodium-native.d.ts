/** What of libsodium is used here. @see https://sodium-friends.github.io/docs/docs/signing */
declare module 'sodium-native' {
  /** Reads 64 and 32 bytes of signature and key, whatever it is given. */
  function crypto_sign_verify_detached(
    signature: Uint8Array,
    message: Uint8Array,
    publicKey: Uint8Array,
  ): boolean
}
