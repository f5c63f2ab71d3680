import { call } from './gateway.ts'

const NAME = 'cocoon.key'
const TAB_KEY = 'cocoon.tab-key'
const KEY = /^sk-coc-[0-9A-HJKMNP-TV-Z]{32}-[0-9A-Za-z]{8,64}$/

/**
 * The API key of whoever is signed in: kept for this tab, or on this device when they say so. The recovery key is never
 * kept at all (H19).
 */
export function signedInKey(): string | undefined {
  return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME) ?? undefined
}

export function isKey(text: string): boolean {
  return KEY.test(text)
}

/**
 * @param options.remember on this device, not only in this tab
 * @param options.endsWithTab id of a key that was made for this tab alone: signing out ends it
 */
export function signIn(
  key: string,
  options: { readonly remember: boolean; readonly endsWithTab?: string | undefined },
): void {
  forget()
  const storage = options.remember ? localStorage : sessionStorage
  storage.setItem(NAME, key)
  if (options.endsWithTab !== undefined) sessionStorage.setItem(TAB_KEY, options.endsWithTab)
}

export function signOut(): void {
  const [key, id] = [signedInKey(), sessionStorage.getItem(TAB_KEY)]
  forget()
  // It ends by itself too.
  if (id !== null) call(`/v1/keys/${id}`, { key, method: 'DELETE' }).catch(() => undefined)
}

function forget(): void {
  sessionStorage.removeItem(NAME)
  sessionStorage.removeItem(TAB_KEY)
  localStorage.removeItem(NAME)
}
