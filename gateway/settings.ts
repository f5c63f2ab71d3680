import { ACCESS_SETTINGS } from './settings/access.ts'
import { MARKET_SETTINGS } from './settings/market.ts'
import { MONEY_SETTINGS } from './settings/money.ts'
import { PLACE_SETTINGS } from './settings/place.ts'
import { TELEMETRY_SETTINGS } from './settings/telemetry.ts'

/** Settings by name, as an environment holds them. */
export type Settings = Readonly<Record<string, string | undefined>>

/** Every setting of the gateway, once: names, defaults and rules. */
export const SETTINGS = {
  ...PLACE_SETTINGS,
  ...MONEY_SETTINGS,
  ...MARKET_SETTINGS,
  ...ACCESS_SETTINGS,
  ...TELEMETRY_SETTINGS,
} as const

export type SettingValues = {
  readonly [Name in keyof typeof SETTINGS]: ReturnType<(typeof SETTINGS)[Name]['parse']>
}
