import Database from 'better-sqlite3'

/** What a host's page shows. Amounts in nanoTON. */
export interface HostView {
  readonly earned: bigint
  readonly collected: bigint
  readonly vouchered: bigint
  readonly redeemed: bigint
}

export async function readHost(origin: string, payee: string): Promise<HostView> {
  const response = await fetch(`${origin}/v1/hosts/${payee}`)
  if (!response.ok) throw new Error(`GET /v1/hosts answered ${response.status}`)
  // Sound: openapi.yaml says so, and a test validates the route against it.
  const told = (await response.json()) as Record<keyof HostView, string>
  return {
    earned: BigInt(told.earned),
    collected: BigInt(told.collected),
    vouchered: BigInt(told.vouchered),
    redeemed: BigInt(told.redeemed),
  }
}

/** Everything that `cocoon audit` finds wrong; each entry names a rule and an id. */
export async function auditFindings(origin: string, adminKey: string): Promise<readonly string[]> {
  const response = await fetch(`${origin}/admin/audit`, {
    headers: { authorization: `Bearer ${adminKey}` },
  })
  if (!response.ok) throw new Error(`GET /admin/audit answered ${response.status}`)
  // Sound: openapi.yaml says so, and a test validates the route against it.
  const { broken } = (await response.json()) as { broken: readonly string[] }
  return broken
}

const PAST_SECONDS = 10

/** Lets every open hold's deadline pass, as if six hours had gone by; the gateway's own timer does the rest. */
export function passDeadlines(databasePath: string): void {
  const db = new Database(databasePath)
  try {
    const past = Math.floor(Date.now() / 1000) - PAST_SECONDS
    db.prepare("UPDATE holds SET deadline = ? WHERE state = 'open'").run(past)
  } finally {
    db.close()
  }
}

/** Whether a request was settled after its deadline; undefined when it is not settled. */
export function settledLate(databasePath: string, request: string): boolean | undefined {
  const db = new Database(databasePath, { readonly: true })
  try {
    const late = db.prepare('SELECT late FROM settlements WHERE request = ?').pluck().get(request)
    return late === undefined ? undefined : late === 1
  } finally {
    db.close()
  }
}
