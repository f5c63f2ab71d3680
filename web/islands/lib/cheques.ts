import type { ConnectOptions } from '#client'

/** Cheques of the signed-in account, when it is a sovereign one whose spend key this device holds. */
export async function openCheques(): Promise<Pick<ConnectOptions, 'cheques'>> {
  return {}
}
