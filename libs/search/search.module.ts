import { Module } from '@nestjs/common';
import { feedbackCommandHandlers } from './feedback.commands.js';

@Module({ providers: feedbackCommandHandlers })
export class SearchModule {}

export { GiveFeedback } from './feedback.commands.js';
