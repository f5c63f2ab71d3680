/** Which contract is the Registry: pinned by the release or given by the user, never by the gateway (C4). */
export interface RegistryPin {
  /** Raw address. */
  readonly address: string
  /** Lower-case hex. */
  readonly codeHash: string
}

/**
 * The Registry of this release (C4). The address is filled in when a release is made for a network; the code hash is
 * the compiled contract's and a test compares them.
 */
export const PINNED_REGISTRY: {
  /** Raw address; undefined until the contract is deployed: then the user names it. */
  readonly address: string | undefined
  /** Lower-case hex. */
  readonly codeHash: string
} = {
  address: undefined,
  codeHash: '38e5d93e7fefaff2401ce5e277951d409243f58bbc3904eaa33a8e2b625e4886',
}
