type Listener = (message: string) => void;

export interface Listeners {
  add(channel: string, listener: Listener): () => void;
  tell(channel: string, message: string): void;
  channels(): string[];
}

/** Who listens to which channel in this process. A listener that throws is told to `onError` and stops no other. */
export function openListeners(onError: (error: unknown) => void): Listeners {
  const byChannel = new Map<string, Set<Listener>>();
  return {
    add(channel, listener) {
      const set = byChannel.get(channel) ?? new Set();
      byChannel.set(channel, set.add(listener));
      return () => {
        set.delete(listener);
      };
    },
    tell(channel, message) {
      for (const listener of byChannel.get(channel) ?? []) {
        try {
          listener(message);
        } catch (error) {
          onError(error);
        }
      }
    },
    channels: () => [...byChannel.keys()],
  };
}
