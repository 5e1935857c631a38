/** JavaScript, since it runs inside a page, whose types are not those of the program. */
export function pageFaults(): string[];
