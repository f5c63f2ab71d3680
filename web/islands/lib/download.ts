/** Gives the reader a text as a file. */
export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The download has its own hold on the data from here on.
  setTimeout(() => URL.revokeObjectURL(url), 0)
}
