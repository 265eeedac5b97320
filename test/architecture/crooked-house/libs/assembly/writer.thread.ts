// nest-stays-at-the-doors: the thread loads Nest on the way.
import { MemoriesModule } from '#memories/module';

export const loaded = MemoriesModule;
