// What a browser tab knows about its network and about being looked at.
import type { Surroundings } from "@muster/client";

export const browserSurroundings: Surroundings = {
  isOnline: () => navigator.onLine,
  isVisible: () => document.visibilityState === "visible",
  subscribe(listener) {
    const online = (): void => listener("online");
    const offline = (): void => listener("offline");
    const visible = (): void => {
      if (document.visibilityState === "visible") listener("visible");
    };
    window.addEventListener("online", online);
    window.addEventListener("offline", offline);
    document.addEventListener("visibilitychange", visible);
    return () => {
      window.removeEventListener("online", online);
      window.removeEventListener("offline", offline);
      document.removeEventListener("visibilitychange", visible);
    };
  },
};
