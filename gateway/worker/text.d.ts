/** What wrangler's Text rule makes of a file. */
declare module '*.sql' {
  const text: string
  // biome-ignore lint/style/noDefaultExport: wrangler exports text modules so
  export default text
}
declare module '#openapi' {
  const text: string
  // biome-ignore lint/style/noDefaultExport: wrangler exports text modules so
  export default text
}
