const NAME = 'cocoon.key'
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

export function signIn(key: string, options: { readonly remember: boolean }): void {
  signOut()
  const storage = options.remember ? localStorage : sessionStorage
  storage.setItem(NAME, key)
}

export function signOut(): void {
  sessionStorage.removeItem(NAME)
  localStorage.removeItem(NAME)
}
