import { type Clock, toSeconds } from '#base/brand.ts'
import type { ShownCheck } from '#client/documents'
import { found } from './findings.ts'

const MAX_SKEW_SECONDS = 60
const TIMEOUT_MS = 10_000

export interface NetworkDeps {
  readonly fetch: typeof fetch
  readonly clock: Clock
}

/** Each gateway answers, and its clock agrees with this machine's. */
export async function examineGateways(
  deps: NetworkDeps,
  gateways: readonly string[],
): Promise<readonly ShownCheck[]> {
  if (gateways.length === 0) return [found.unknown('gateway.reached', 'no gateway is named')]
  const answers = await Promise.all(gateways.map((gateway) => askHealth(deps, gateway)))
  const skews = answers.flatMap(({ skew }) => (skew === undefined ? [] : [skew]))
  return [...answers.map(({ check }) => check), clockCheck(skews)]
}

async function askHealth(
  { fetch, clock }: NetworkDeps,
  gateway: string,
): Promise<{ readonly check: ShownCheck; readonly skew: number | undefined }> {
  const host = new URL(gateway).host
  try {
    const response = await fetch(`${gateway}/health`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    await response.body?.cancel()
    const told = Date.parse(response.headers.get('date') ?? '')
    const skew = Number.isNaN(told) ? undefined : Math.abs(told / 1000 - toSeconds(clock()))
    const check = response.ok ? found.well('gateway.reached') : refusedBy(host, response.status)
    return { check, skew }
  } catch {
    const check = found.ill('gateway.reached', {
      code: 'unreachable',
      detail: `${host} does not answer`,
      remedy: 'Allow outgoing HTTPS to it, and check GATEWAYS and the machine’s DNS.',
    })
    return { check, skew: undefined }
  }
}

function refusedBy(host: string, status: number): ShownCheck {
  return found.ill('gateway.reached', {
    code: 'refused',
    detail: `${host} answered ${status}`,
    remedy: 'Wait if it is starting; otherwise check that GATEWAYS names a gateway.',
  })
}

/** A host sets a guest's clock: one that is far off makes every lease and key look old or unborn. */
function clockCheck(skews: readonly number[]): ShownCheck {
  if (skews.length === 0) return found.unknown('clock.right', 'no gateway told the time')
  const worst = Math.max(...skews)
  if (worst <= MAX_SKEW_SECONDS) return found.well('clock.right')
  return found.ill('clock.right', {
    code: 'skewed',
    detail: `${Math.round(worst)} s away from a gateway’s clock`,
    remedy: 'Run an NTP client in the image (systemd-timesyncd, chrony) and restart the runner.',
  })
}
