// The ways in: drop anywhere on the page, paste, pick. Folders are read to the bottom.

import { byId } from './dom';

/** @param open told where on the page they were dropped, if they were */
export function connectDrop(open: (files: readonly File[], onto?: EventTarget | null) => void): { pick(): void } {
  const pick = byId('pick', HTMLInputElement);
  const root = document.documentElement;
  // Every element that is crossed reports its own enter and leave.
  let inside = 0;
  const over = (by: number): void => {
    inside = Math.max(0, inside + by);
    root.toggleAttribute('data-dragging', inside > 0);
  };
  const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;

  addEventListener('dragenter', (event) => carriesFiles(event) && over(1));
  addEventListener('dragleave', (event) => carriesFiles(event) && over(-1));
  addEventListener('dragover', (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  addEventListener('drop', (event) => {
    over(-inside);
    const { dataTransfer, target } = event;
    if (!dataTransfer || !carriesFiles(event)) return;
    event.preventDefault();
    void readTransfer(dataTransfer).then((files) => open(files, target));
  });
  addEventListener('paste', ({ clipboardData }) => {
    if (clipboardData && clipboardData.files.length > 0) open([...clipboardData.files]);
  });
  pick.addEventListener('change', () => {
    open([...(pick.files ?? [])]);
    // So that the same file can be picked again.
    pick.value = '';
  });
  byId('open', HTMLButtonElement).addEventListener('click', () => pick.click());
  return { pick: () => pick.click() };
}

/** The entries must be taken in the event's own task; after it the transfer is empty. */
async function readTransfer({ items, files }: DataTransfer): Promise<readonly File[]> {
  const entries = [...items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (!entries.some(({ isDirectory }) => isDirectory)) return [...files];
  const found = await Promise.all(entries.map(readEntry));
  return found.flat();
}

async function readEntry(entry: FileSystemEntry): Promise<File[]> {
  if (entry instanceof FileSystemFileEntry || entry.isFile)
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const inside: FileSystemEntry[] = [];
  // A reader hands over about a hundred at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    inside.push(...some);
  }
  const files = await Promise.all(inside.filter(({ name }) => !name.startsWith('.')).map(readEntry));
  return files.flat();
}
