/** Says that the page answers to its reader now: for tests, and for whoever measures. */
export function ready(): void {
  document.documentElement.dataset['ready'] = 'true'
  performance.mark('ready')
}
