import { reachGateway } from '../reach-gateway.ts'

/** A gateway on Workers and its operator's key. */
export interface GatewayAccess {
  readonly gateway: string
  readonly adminKey: string
}

/** A unit takes no longer. */
const MOVE_MS = 300_000

/** An answer of the gateway is no success: what was done stays, run the command again. */
export class MovingRefused extends Error {
  override readonly name = 'MovingRefused'
}

/** @throws MovingRefused, GatewayRefused */
export async function call<Answer>(
  { gateway, adminKey }: GatewayAccess,
  path: string,
  body?: object,
): Promise<Answer> {
  const response = await reachGateway(new URL(`/admin/moving/${path}`, gateway), {
    method: body === undefined ? 'GET' : 'POST',
    signal: AbortSignal.timeout(MOVE_MS),
    headers: { authorization: `Bearer ${adminKey}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) {
    throw new MovingRefused(
      `${path}: the gateway answered ${response.status} (${await codeOf(response)})`,
    )
  }
  // Sound: the gateway is the operator's own; what is missing fails where it is read.
  return (await response.json()) as Answer
}

async function codeOf(response: Response): Promise<string> {
  try {
    const { error } = (await response.json()) as { error?: { code?: string } }
    return error?.code ?? 'no code'
  } catch {
    return 'no code'
  }
}
