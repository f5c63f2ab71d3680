/** The development chain's own methods over its JSON-RPC, for processes that hold only the endpoint. */
export interface DevRpc {
  /** A transfer from a bottomless wallet, in its own block. `amount` is in TON ("1.5"). */
  faucet(transfer: {
    readonly address: string
    readonly amount: string
    readonly comment?: string
    /** A bag of cells in base64. */
    readonly body?: string
    readonly bounce?: boolean
  }): Promise<void>
  /** Moves chain time forward; answers the new time in Unix seconds. */
  advance(seconds: number): Promise<number>
  mine(): Promise<void>
  fault(faults: Readonly<Record<string, number | boolean>>): Promise<void>
}

export function devRpc(endpoint: string, fetch: typeof globalThis.fetch): DevRpc {
  const call = async (method: string, params: object): Promise<unknown> => {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: '1', jsonrpc: '2.0', method, params }),
    })
    const answer: unknown = await response.json()
    if (!response.ok) throw new Error(`${method} failed with ${response.status}`)
    // Sound: the server below this repository's `dev/chain` answers with this envelope.
    return (answer as { result: unknown }).result
  }
  return {
    faucet: async (transfer) => void (await call('dev_faucet', transfer)),
    advance: async (seconds) => {
      const result = await call('dev_time', { seconds })
      return (result as { now: number }).now
    },
    mine: async () => void (await call('dev_mine', {})),
    fault: async (faults) => void (await call('dev_fault', faults)),
  }
}
