/** What wrangler's Text rule makes of a migration. */
declare module '*.sql' {
  const text: string
  // biome-ignore lint/style/noDefaultExport: wrangler exports text modules so
  export default text
}
