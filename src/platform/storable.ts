/** Whether PostgreSQL can hold the text: no U+0000, no half of a surrogate pair. */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();
