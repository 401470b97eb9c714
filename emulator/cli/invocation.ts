/** Run from the sources (tsx), rather than from an installed package. */
export const inCheckout = import.meta.url.endsWith('.ts')

/** How this reader starts the emulator. */
export const startLine = inCheckout ? 'npm start' : 'offload up'

/** How this reader calls a command: `npm run -s offload -- send`, or `offload send`. */
export const call = (command: string): string =>
  inCheckout ? `npm run -s offload -- ${command}` : `offload ${command}`
