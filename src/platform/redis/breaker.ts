export interface Breaker {
  /** The command's answer; null when it fails, takes too long, or is skipped because an earlier one did. Never throws. */
  call<T>(command: () => Promise<T>): Promise<T | null>;
  /** True while commands are skipped. */
  isOpen(): boolean;
  /** Tries the server now, and lets commands through again when it answers. */
  probe(): Promise<void>;
  stop(): void;
}

export interface BreakerOptions {
  /** A command that only a server in full health answers. */
  readonly ping: () => Promise<unknown>;
  /** In milliseconds; a command that takes longer counts as failed. */
  readonly deadline: number;
  /** Between two probes, in milliseconds. */
  readonly interval: number;
  readonly onOpen: (error: unknown) => void;
  readonly onClose: () => void;
}

/**
 * A circuit breaker, open at first. One failure opens it: from then on commands cost nothing, and the server is probed
 * in the background until it answers. So a frozen server costs one deadline, once.
 */
export function createBreaker({ ping, deadline, interval, onOpen, onClose }: BreakerOptions): Breaker {
  let open = true;
  let probing: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;

  const scheduleProbe = () => {
    if (stopped || timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      void probe();
    }, interval).unref();
  };
  const fail = (error: unknown) => {
    if (!open && !stopped) {
      open = true;
      onOpen(error);
    }
    scheduleProbe();
  };
  const probe = () =>
    (probing ??= within(deadline, ping)
      .then(() => {
        if (!open || stopped) return;
        open = false;
        onClose();
      }, fail)
      .finally(() => {
        probing = null;
      }));

  return {
    async call(command) {
      if (open) return null;
      try {
        return await within(deadline, command);
      } catch (error) {
        fail(error);
        return null;
      }
    },
    isOpen: () => open,
    probe,
    stop() {
      stopped = true;
      open = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

function within<T>(deadline: number, command: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`No answer within ${deadline} ms`)), deadline);
    command()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}
