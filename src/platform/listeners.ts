type Listener = (message: string) => void;

export interface Listeners {
  add(channel: string, listener: Listener): () => void;
  tell(channel: string, message: string): void;
  channels(): string[];
}

/** Who listens to which channel in this process. What a listener throws goes to `onError`; the others are told all the same. */
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
